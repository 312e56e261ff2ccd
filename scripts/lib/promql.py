# SPDX-License-Identifier: Apache-2.0
"""Extracts from a PromQL expression what lint needs: selectors, enclosing functions, and denominators.

Not a full parser: promtool has accepted the expression before. Strings are blanked first, so that their content is not taken for syntax.
"""
import re
from dataclasses import dataclass, field

KEYWORDS = {"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "inf", "nan"}
STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
MATCHER = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*$")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass
class Selector:
    """One vector selector: `name{label="value"}[window]` and the functions around it, innermost first."""
    metric: str
    matchers: list = field(default_factory=list)  # (label, operator, value)
    window: str = ""
    functions: list = field(default_factory=list)

    def value(self, label):
        return next((value for name, _, value in self.matchers if name == label), None)


def seconds(duration):
    """5m → 300; None for a Grafana variable."""
    parts = re.findall(r"(\d+)(ms|[smhdw])", duration)
    return sum(int(number) * SECONDS[unit] for number, unit in parts) if parts else None


def blank(expr):
    return STRING.sub(lambda match: '"' + "_" * (len(match.group()) - 2) + '"', expr)


def closing(text, start):
    """The index of the bracket that closes the one at start."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    depth, opened, closed = 0, text[start], pairs[text[start]]
    for index in range(start, len(text)):
        depth += (text[index] == opened) - (text[index] == closed)
        if depth == 0:
            return index
    raise ValueError(f"unbalanced {opened} in {text!r}")


def grouping_labels(expr):
    """The labels in by, on and similar clauses: (keyword, [labels])."""
    return [(match[1], [label.strip() for label in match[2].split(",") if label.strip()])
            for match in GROUPING.finditer(blank(expr))]


def selectors(expr):
    """Every vector selector of an expression."""
    plain = GROUPING.sub(lambda match: " " * len(match.group()), blank(expr))
    found, stack, index = [], [], 0
    while index < len(plain):
        char = plain[index]
        match = NAME.match(plain, index)
        if match and (index == 0 or not re.match(r"[\w.$:\"]", plain[index - 1])):
            name, index = match.group(), match.end()
            rest = plain[index:].lstrip()
            if rest.startswith("("):
                index = plain.index("(", index) + 1
                stack.append(name)
            elif name.lower() not in KEYWORDS:
                selector = Selector(name, functions=[function for function in reversed(stack) if function])
                index = _tail(expr, plain, index, selector)
                found.append(selector)
            continue
        if char == "{":
            selector = Selector("", functions=[function for function in reversed(stack) if function])
            index = _tail(expr, plain, index, selector)
            found.append(selector)
            continue
        if char == "(":
            stack.append("")
        elif char == ")":
            stack.pop()
        elif char == "[":
            index = closing(plain, index)
        index += 1
    return found


def _tail(expr, plain, index, selector):
    """Reads `{…}` and `[…]` after a metric name; returns the index after them."""
    while index < len(plain) and plain[index].isspace():
        index += 1
    if index < len(plain) and plain[index] == "{":
        end = closing(plain, index)
        inside_start = index + 1
        for match in STRING.finditer(expr, inside_start, end):
            matcher = MATCHER.search(plain[inside_start:match.start()])
            if matcher:
                selector.matchers.append((matcher[1], matcher[2], match.group()[1:-1]))
        index = end + 1
    while index < len(plain) and plain[index].isspace():
        index += 1
    if index < len(plain) and plain[index] == "[":
        end = closing(plain, index)
        selector.window = plain[index + 1:end].split(":")[0].strip()
        index = end + 1
    return index


def unguarded_divisions(expr):
    """The denominators that can be 0: neither a number nor `(… > 0)`."""
    plain = blank(expr)
    found = []
    for match in re.finditer(r"/", plain):
        rest = GROUPING.sub(lambda group: " " * len(group.group()), plain[match.end():], count=0)
        start = match.end() + len(rest) - len(rest.lstrip())
        rest = rest.lstrip()
        if re.match(r"\d", rest):
            continue
        if rest.startswith("("):
            end = closing(plain, start)
            if re.search(r">\s*[\d.]+\s*\)$", plain[start:end + 1]):
                continue
        found.append(expr[match.start():match.start() + 60].split("\n")[0])
    return found
