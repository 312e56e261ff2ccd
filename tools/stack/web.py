# SPDX-License-Identifier: Apache-2.0
"""HTTP to servers on this machine, never through a proxy."""
import json
import urllib.error
import urllib.parse
import urllib.request

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url, timeout=180):
    """The body of a 2xx response; OSError for anything else."""
    with _opener.open(url, timeout=timeout) as answer:
        return answer.read()


def answers(url, timeout=5):
    """Whether it returns 2xx now."""
    try:
        fetch(url, timeout)
        return True
    except (OSError, ValueError):
        return False


def status(url, headers, timeout=180):
    """The status of any response; 0 for none."""
    try:
        with _opener.open(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def send(method, url, body=None, timeout=180, headers=None):
    """A request with a JSON body; the response as an object, None if it has no body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | (headers or {}), method=method)
    with _opener.open(request, timeout=timeout) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def query(base, **parameters):
    return f"{base}?{urllib.parse.urlencode(parameters)}" if parameters else base
