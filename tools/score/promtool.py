# SPDX-License-Identifier: Apache-2.0
"""Runs many cases in few runs of promtool; returns the alerts that fired in each."""
import concurrent.futures
import json
import os
import re
import subprocess

import yaml
from shapes import Fault

SAMPLE = re.compile(r'\{((?:[^{}"]|"(?:[^"\\]|\\.)*")*)\} ([-+0-9.eE]+)')
LABEL = re.compile(r'"?([^\s,="{}]+)"?="((?:[^"\\]|\\.)*)"')
AT_ONCE = 8


class Promtool:
    def __init__(self, program):
        self.program, self.order = program, []
        try:
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            raise Fault(f"{program}: {error}") from error
        found = re.search(r"version (\d+)\.(\d+)\.(\d+)", said.stdout + said.stderr)
        if not found:
            raise Fault(f"{program} --version prints no version number")
        self.version = tuple(map(int, found.groups()))

    def lacks(self, needs):
        """Whether it is too old for a case: native histograms need 2.48, custom buckets 3.0."""
        return {"": False, "native": self.version < (2, 48, 0), "nhcb": self.version < (3, 0, 0)}[needs]

    def run(self, cases, rules, folder, replace=lambda text: text):
        """{case id: {labels: (first, last)}}. @param replace  applied to each test file: names of another service"""
        jobs, found, self.order = [], {}, order(rules)
        for evaluated in sorted({c.evaluated for c in cases}):
            group = sorted((c for c in cases if c.evaluated == evaluated), key=cost, reverse=True)
            jobs += [(evaluated, part) for part in balanced(group)]
        jobs.sort(key=lambda job: -sum(map(cost, job[1])))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for part in pool.map(lambda job: self._part(*job, rules, folder, replace), jobs):
                found |= part
        return found

    def _part(self, evaluated, cases, rules, folder, replace):
        file = folder / f"{evaluated}s-{cases[0].id.replace('/', '-').replace(' ', '_')}.json"
        document = {"rule_files": rules, "group_eval_order": self.order, "evaluation_interval": f"{evaluated}s",
                    "tests": [case.test() for case in cases]}
        file.write_text(replace(json.dumps(document, indent=1)), encoding="utf-8")
        # One core for each, and fewer garbage collections: a third faster.
        run = subprocess.run([self.program, "test", "rules", str(file)], capture_output=True, text=True, check=False,
                             env=os.environ | {"GOMAXPROCS": "1", "GOGC": "400", "NO_COLOR": "1"}, timeout=3600)
        return parse(run.stdout + run.stderr, cases, file)


def order(rules):
    """Groups with recording rules first. Without group_eval_order promtool's order, and so the delay of alerts, differs between runs."""
    groups = []
    for path in rules:
        with open(path, encoding="utf-8") as file:
            groups += (yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}).get("groups") or []
    records = [any("record" in rule for rule in group.get("rules") or []) for group in groups]
    return list(dict.fromkeys(group["name"] for wanted in (True, False) for group, does in zip(groups, records) if does is wanted))


def cost(case):
    return case.length / case.evaluated


def balanced(cases):
    parts = [[] for _ in range(max(1, len(cases) // AT_ONCE))]
    for case in cases:
        min(parts, key=lambda part: sum(map(cost, part))).append(case)
    return [part for part in parts if part]


def parse(said, cases, file):
    found, ended = {case.id: {} for case in cases}, set()
    for text, value in SAMPLE.findall(said):
        labels = dict(LABEL.findall(text))
        case, saw = labels.pop("case", None), labels.pop("saw", None)
        if case not in found:
            continue
        if saw == "end":
            ended.add(case)
            continue
        for label in ("__name__", "alertstate"):
            labels.pop(label, None)
        key = tuple(sorted(labels.items()))
        first, last = found[case].get(key, (None, None))
        found[case][key] = (float(value), last) if saw == "first" else (first, float(value))
    missing = [case.id for case in cases if case.id not in ended]
    if missing:
        raise Fault(f"promtool did not finish {', '.join(missing)} ({file}): {' '.join(said.split())[:600]}")
    return found
