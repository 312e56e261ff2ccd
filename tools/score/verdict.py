# SPDX-License-Identifier: Apache-2.0
"""How a rule set reacted to a case: paged, warned or silent. Alerts are classified by their labels, never by their names."""
from dataclasses import dataclass

from shapes import spoken

# The loudness of an alert by its labels; the first match counts. A mapping for another rule set replaces this (README.md).
DEFAULT = {
    "ignore": ["severity=none", "severity=info", "alertname=Watchdog", "alertname=DeadMansSwitch", "alertname=InfoInhibitor"],
    "page": ["severity=critical", "severity=page", "severity=pager", "severity=emergency"],
    "warning": ["*"],
}


def loudness(labels, mapping):
    for loud in ("ignore", "page", "warning"):
        for rule in mapping.get(loud, DEFAULT[loud]):
            name, _, value = rule.partition("=")
            if rule == "*" or labels.get(name) == value:
                return loud
    return "ignore"


@dataclass
class Alert:
    labels: dict
    loud: str
    first: float
    last: float

    @property
    def name(self):
        return self.labels.get("alertname", "?")


@dataclass
class Verdict:
    case: object
    alerts: list
    faults: list

    @property
    def right(self):
        return not self.faults

    def seen(self):
        """paged after 6m by A, B; over 2m after"""
        for loud, word in (("page", "paged"), ("warning", "warned")):
            found = sorted((a for a in self.alerts if a.loud == loud), key=lambda a: a.first)
            if found:
                names = list(dict.fromkeys(a.name for a in found))
                if not self.case.begun:
                    return f"{word} by {', '.join(names)}"
                after = max(a.last for a in found) - self.case.ended
                over = f"; over {spoken(max(after, 0))} after" if self.case.ended and max(a.last for a in found) < self.case.length - self.case.evaluated else ""
                when = found[0].first - self.case.begun
                return f"{word} {f'after {spoken(when)}' if when >= 0 else 'before it began'} by {', '.join(names)}{over}"
        return "silent"


def judge(case, alerts):
    """The deviations from what is expected, as texts."""
    expected, wrong = case.expected, []
    pages, warnings = ([a for a in alerts if a.loud == loud] for loud in ("page", "warning"))
    loud = pages + warnings
    if expected.verdict == "silent" and loud:
        wrong.append("not silent")
    if expected.verdict in ("no page", "warning") and pages:
        wrong.append("paged")
    if expected.verdict not in ("page", "warning"):
        return wrong
    if any(a.first < case.begun for a in loud):
        wrong.append("before it began")
    heard = [a for a in (pages if expected.verdict == "page" else loud) if a.first >= case.begun]
    if not heard:
        return wrong + [f"not {'paged' if expected.verdict == 'page' else 'warned'}"]
    first = min(a.first for a in heard) - case.begun
    if first > expected.within:
        wrong.append(f"only after {spoken(first)}")
    for name in expected.names:
        if not any(name in a.labels.values() for a in heard):
            wrong.append(f"no alert names {name}")
    if expected.over is not None:
        late = [a for a in (pages if expected.verdict == "page" else loud) if a.last > case.ended + expected.over]
        if late:
            wrong.append(f"{', '.join(sorted({a.name for a in late}))} still there {spoken(expected.over)} after its end")
    return wrong


def verdict(case, found, always, mapping):
    """@param found   {labels: (first, last)} of all that fired
    @param always  the label sets that fire in the same world without a fault; they are ignored"""
    alerts = [Alert(dict(labels), loudness(dict(labels), mapping), *times) for labels, times in found.items() if labels not in always]
    alerts = [a for a in alerts if a.loud != "ignore"]
    return Verdict(case, alerts, judge(case, alerts))
