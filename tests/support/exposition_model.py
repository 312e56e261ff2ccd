# SPDX-License-Identifier: Apache-2.0
"""What a registry must expose after the operations of generate-corpus: a model of promc, written without its code.

A series is (name, frozenset of (label, value)). Labels with empty values are left out, as in Prometheus. Bounds and quantiles are
label values like "le=0.5", compared by number and not by spelling. A value is a float, a pair (a range, for
an estimate), or a Native."""
import json
import math
import re

ERROR = 0.05  # of summaries, the default
LOWEST, HIGHEST = 1e-6, 1e6


def as_text(latin):
    """Text from bytes that are written as \\u00XX. Invalid UTF-8 and NUL become U+FFFD."""
    return latin.encode("latin-1").decode("utf-8", "replace").replace("\0", "\ufffd")


def cut(text, limit):
    return text.encode()[:limit].decode("utf-8", "ignore")


def escaped(name, colon=True):
    """A name under the scheme `underscores`."""
    name = re.sub(r"[^a-zA-Z0-9_:]" if colon else r"[^a-zA-Z0-9_]", "_", name)
    return re.sub(r"^[0-9]", "_", name)


def same(a, b):
    """Are these the same double?"""
    return a == b or (math.isnan(a) and math.isnan(b))


def series(name, labels):
    """A sample's name and labels in the form described above, for every reader. Any family may have a label called `quantile`."""
    def value(label, text):
        if label == "quantile" or (label == "le" and name.endswith("_bucket")):
            try:
                return repr(float(text))
            except ValueError:
                pass
        return text
    return name, frozenset((label, value(label, text)) for label, text in labels.items() if text != "")


class Family:
    def __init__(self, op, registry):
        self.registry = registry
        self.kind = op["kind"]
        self.callback = op["callback"]
        name = as_text(op["name"])
        suffix = {"counter": "_total", "info": "_info"}.get(self.kind, "")
        self.base = escaped(name[:-len(suffix)] if suffix and name.endswith(suffix) else name)
        self.suffix = suffix
        self.labels = [escaped(as_text(label), colon=False) for label in op["labels"]]
        self.constants = registry.constants + [(escaped(as_text(n), colon=False), as_text(v)) for n, v in op["constants"]]
        self.native = op.get("native", 0)  # 1: native only, 2: classic buckets too
        self.bounds = [float.fromhex(x) for x in op["bounds"]] if self.native != 1 else []
        self.quantiles = [float.fromhex(x) for x in op["quantiles"]]
        self.states = [as_text(state) for state in op["states"]]
        self.series = {}
        if not self.labels:
            self.start()

    def start(self):
        """Without labels, the one series (with all its states) exists from the start."""
        self.at(())
        if self.kind == "info":
            self.series[()] = 1.0

    def fresh(self):
        return {"counter": lambda: 0.0 if self.callback else [0, 0.0], "histogram": list, "summary": list,
                "stateset": lambda: 0}.get(self.kind, lambda: 0.0)()

    def at(self, values):
        return self.series.setdefault(values, self.fresh())

    def apply(self, op):
        limit = self.registry.limit
        values = tuple(cut(as_text(value), limit) for value in op["values"])
        x = float.fromhex(op["x"])
        kind = op["op"]
        if kind == "remove":
            del self.series[values]
        elif kind == "remove_matching":
            # A lookup by C string matches only values that were stored unchanged.
            for series in [s for s in self.series if s[0] == values[0]]:
                del self.series[series]
        elif kind == "add":
            self.add(self.at(values), x)
        elif kind == "observe":
            self.at(values).append(x)
        elif kind == "gauge_add":
            self.series[values] = self.at(values) + x
        elif kind in ("set", "info_add"):
            self.set(values, x)
        elif kind == "info_set":
            self.series = {values: 1.0}
        elif kind == "select":
            self.series[values] = 1 << int(x)
        else:
            raise ValueError(kind)

    def add(self, cells, x):
        """Whole numbers and fractions are summed separately."""
        if x < 2 ** 53 and x == int(x):
            cells[0] = (cells[0] + int(x)) % 2 ** 64
        else:
            cells[1] += x

    def set(self, values, x):
        # A callback is called at the scrape, and only the last one set.
        self.series[values] = x

    def samples(self, form):
        for values, value in self.series.items():
            labels = self.constants + list(zip(self.labels, values))
            for name, extra, sample in self.of_series(value, form):
                yield series(name, dict(labels + extra)), sample

    def of_series(self, value, form):
        name = self.base
        if self.kind == "counter":
            yield name + "_total", [], float(value) if self.callback else float(value[0]) + value[1]
        elif self.kind == "histogram":
            yield from self.of_histogram(value, form)
        elif self.kind == "summary":
            yield from self.of_summary(value)
        elif self.kind == "stateset":
            for i, state in enumerate(self.states):
                yield name, [(escaped(name, colon=False), state)], float(value >> i & 1)
        else:
            yield name + self.suffix, [], float(value)
        if form == "openmetrics" and self.registry.created and self.kind in ("counter", "histogram", "summary"):
            yield name + "_created", [], (1.6e9, 4e9)

    def of_histogram(self, observed, form):
        if form == "native" and self.native:
            yield self.base, [], Native(observed)
            return
        for bound in self.bounds + [math.inf]:
            yield self.base + "_bucket", [("le", repr(bound))], float(sum(x <= bound for x in observed))
        total = self.total(observed)
        # OpenMetrics has neither when the sum is not a counter: when observations can be negative.
        if form != "openmetrics" or ((not self.bounds or self.bounds[0] >= 0) and total >= 0):
            yield self.base + "_sum", [], total
            yield self.base + "_count", [], float(len(observed))

    def of_summary(self, observed):
        ordered = sorted(observed)
        for q in self.quantiles:
            yield self.base, [("quantile", repr(q))], self.estimate(ordered, q)
        yield self.base + "_sum", [], self.total(observed)
        yield self.base + "_count", [], float(len(observed))

    @staticmethod
    def estimate(ordered, q):
        if not ordered:
            return math.nan
        exact = ordered[max(1, math.ceil(q * len(ordered))) - 1]
        if exact < LOWEST:
            return 0.0, exact * (1 + ERROR)
        return min(exact, HIGHEST) * (1 - ERROR - 1e-9), min(exact, HIGHEST * (1 + 2 * ERROR)) * (1 + ERROR + 1e-9)

    @staticmethod
    def total(observed):
        total = 0.0
        for x in observed:  # in order: addition of doubles is not associative
            total += x
        return total


class Native:
    """A native histogram of these observations, as Prometheus' API returns it."""

    def __init__(self, observed):
        self.observed = observed

    def faults(self, got):
        buckets = [(rule, float(low), float(high), float(count)) for rule, low, high, count in got.get("buckets", [])]
        if float(got["count"]) != len(self.observed) or not same(float(got["sum"]), Family.total(self.observed)):
            yield f"count {got['count']}, sum {got['sum']}"
        if sum(count for *_, count in buckets) != len(self.observed):
            yield "the buckets are not all of it"
        for rule, low, high, count in buckets:
            inside = [x for x in self.observed if (low < x or (low == x and rule in (1, 3))) and (x < high or (x == high and rule in (0, 3)))]
            if len(inside) != count:
                yield f"{count} from {low!r} to {high!r} (rule {rule})"


class Registry:
    def __init__(self, op):
        self.created = op["created"]
        self.limit = op["limit"]
        self.constants = [(escaped(as_text(n), colon=False), as_text(v)) for n, v in op["constants"]]
        self.families = []

    def samples(self, form):
        return {key: value for family in self.families for key, value in family.samples(form)}


def replay(lines):
    registry = None
    for line in lines:
        op = json.loads(line)
        if op["op"] == "registry":
            registry = Registry(op)
        elif op["op"] == "family":
            registry.families.append(Family(op, registry))
        else:
            registry.families[op["family"]].apply(op)
    return registry


def differences(expected, got):
    """The first few differences, one line each. Empty when both have the same samples with the same values."""
    out = []
    for key in sorted(expected.keys() | got.keys(), key=repr):
        if key not in got:
            out.append(f"missing: {key} {expected[key]}")
        elif key not in expected:
            out.append(f"unexpected: {key} {got[key]}")
        elif isinstance(expected[key], Native):
            out += [f"{key} {expected[key].observed}: {fault}" for fault in expected[key].faults(got[key])]
        elif isinstance(expected[key], tuple):
            low, high = expected[key]
            if not low <= got[key] <= high:
                out.append(f"{key} is {got[key]!r}, not in {low!r} … {high!r}")
        elif not same(expected[key], got[key]):
            out.append(f"{key} is {got[key]!r}, not {expected[key]!r}")
    return out[:20]

