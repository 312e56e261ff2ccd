# SPDX-License-Identifier: Apache-2.0
"""Rules for valid requests that a schema cannot express, for schemathesis (schemathesis.toml).

A client uses a new Idempotency-Key for each different request, and a cursor only with the list that returned it. In a template, `{{`
begins a field. Names of custom fields are compared without case. Requests that must be refused are not changed. A request that is
repeated unchanged keeps its key.
"""
import json
import unicodedata
import uuid
from threading import Lock

import schemathesis

_lock = Lock()
_run = uuid.uuid4().hex[:8]
_used = {}  # (Idempotency-Key, request) → a number, different for each pair
_given = {}  # next_cursor → the list and the filters that returned it


def _is_good(case):
    return case.meta is None or case.meta.generation.mode.is_positive


def _what(case):
    return repr((case.method, case.formatted_path, sorted((case.query or {}).items(), key=repr), case.media_type, case.body))


def _list_of(case):
    filters = {name: value for name, value in (case.query or {}).items() if name not in ("cursor", "limit")}
    return repr((case.formatted_path, sorted(filters.items(), key=repr)))


def _new_key(key, case):
    number = _used.setdefault((key, _what(case)), len(_used))
    bare = (key.strip('"') + f"{_run}{number}")[-255:]
    return f'"{bare}"' if key.startswith('"') else bare


def _name(name):
    return "_".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).replace("-", " ").split())


def _tell_fields_apart(prospect, seen):
    for name, value in list(prospect.items()):
        if name == "custom_fields" and isinstance(value, dict):
            continue
        if _name(name) in seen:
            del prospect[name]
        seen.add(_name(name))
    if isinstance(prospect.get("custom_fields"), dict):
        _tell_fields_apart(prospect["custom_fields"], seen)


def _mend_body(case):
    if not isinstance(case.body, dict):
        return
    if "/prospects" in case.operation.path:
        _tell_fields_apart(case.body, set())
    for name in ("subject_template", "body_template"):
        if isinstance(case.body.get(name), str):
            case.body[name] = case.body[name].replace("{{", "{ {")


@schemathesis.hook
def before_call(context, case, kwargs):
    if not _is_good(case):
        return
    _mend_body(case)
    with _lock:
        key = (case.headers or {}).get("Idempotency-Key")
        if key:
            case.headers["Idempotency-Key"] = _new_key(key, case)
        cursor = (case.query or {}).get("cursor")
        if cursor is not None and _given.get(cursor) != _list_of(case):
            del case.query["cursor"]


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code != 200 or not case.operation.definition.raw.get("operationId", "").startswith("list"):
        return
    cursor = json.loads(response.content).get("next_cursor")
    if cursor:
        with _lock:
            _given[cursor] = _list_of(case)
