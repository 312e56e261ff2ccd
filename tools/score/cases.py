# SPDX-License-Identifier: Apache-2.0
"""Reads the corpus from YAML and checks it: pairs of a fault and a harmless situation that looks like it."""
import re
from dataclasses import dataclass, field

import yaml
from series import Series
from shapes import TIME, Fault, seconds, spoken
from world import World

SHARED = {"world", "from", "to", "length", "every", "evaluated"}
CHANGES = {"series", "requests", "instances", "histograms", "without"}
SIDES = {"fault", "harmless"}
LEAD, TAIL = 360, 600


@dataclass
class Expected:
    """The expected reaction. `verdict`: page, warning, no page, silent."""
    verdict: str
    within: int = 0
    over: int = None
    names: list = field(default_factory=list)

    @classmethod
    def read(cls, text):
        made = None
        for part in (part.strip() for part in str(text).split(",")):
            if match := re.fullmatch(rf"(page|warning) within ({TIME})", part):
                made = made or cls(match[1], seconds(match[2]))
            elif part in ("silent", "no page"):
                made = made or cls(part)
            elif made and (match := re.fullmatch(rf"over within ({TIME})", part)):
                made.over = seconds(match[1])
            elif made and (match := re.fullmatch(r"names (\S+)", part)):
                made.names.append(match[1])
            else:
                raise Fault(f"expect: unknown {part!r}; known: page within T, warning within T, no page, silent; over within T, names X")
        return made

    def __str__(self):
        said = f"{self.verdict} within {spoken(self.within)}" if self.within else self.verdict
        return said + (f", over within {spoken(self.over)}" if self.over is not None else "") + "".join(f", names {n}" for n in self.names)


@dataclass
class Case:
    id: str
    kind: str
    says: str
    world: World
    begun: int
    ended: int
    length: int
    every: int
    evaluated: int
    expected: Expected
    series: Series
    needs: str = ""

    def test(self):
        """A promtool test that prints when each alert was first and last seen, and a sample that proves that it ran."""
        window = f"{self.length + self.evaluated}s"
        firing = 'ALERTS{alertstate="firing"}'
        tag = f'"case", "{self.id}", "", ""'
        return {
            "name": self.id, "interval": f"{self.every}s", "input_series": self.series.written(),
            "promql_expr_test": [{
                "expr": f'label_replace(label_replace(min_over_time(timestamp({firing})[{window}:{self.evaluated}s]), {tag}), "saw", "first", "", "")'
                        f' or label_replace(label_replace(max_over_time(timestamp({firing})[{window}:{self.evaluated}s]), {tag}), "saw", "last", "", "")'
                        f' or label_replace(label_replace(vector(1), {tag}), "saw", "end", "", "")',
                "eval_time": f"{self.length // self.evaluated * self.evaluated}s", "exp_samples": []}],
        }


def read(paths):
    """All cases of the files."""
    cases, seen = [], set()
    for path in sorted(paths):
        with open(path, encoding="utf-8") as file:
            document = yaml.safe_load(file)
        for entry in document:
            where = f"{path.name}: {entry.get('pair', entry)}"
            try:
                for case in pair(entry):
                    if case.id in seen:
                        raise Fault(f"{case.id} exists twice")
                    seen.add(case.id)
                    cases.append(case)
            except (Fault, KeyError, TypeError, ValueError, AttributeError) as error:
                raise Fault(f"{where}: {error if isinstance(error, Fault) else repr(error)}") from error
    return cases


def reject_unknown(of, known, where=""):
    unknown = set(of) - known
    if unknown:
        raise Fault(f"{where}unknown member {', '.join(sorted(map(str, unknown)))}; known: {', '.join(sorted(known))}")


def pair(entry):
    reject_unknown(entry, SHARED | CHANGES | SIDES | {"pair", "kind", "learnt"})
    missing = {"pair", "kind", "learnt", "fault", "harmless"} - set(entry)
    if missing:
        raise Fault(f"{', '.join(sorted(missing))} is missing")
    shared = {key: value for key, value in entry.items() if key in SHARED | CHANGES}
    # Both sides last equally long: what must stay silent is observed as long as what must fire.
    shared["length"] = shared.get("length") or spoken(max(length_of(merged(shared, entry[side])) for side in SIDES))
    for side in ("fault", "harmless"):
        of = entry[side]
        reject_unknown(of, SHARED | CHANGES | {"says", "expect"}, f"{side}: ")
        made = case(f"{entry['pair']}/{side}", entry["kind"], merged(shared, of))
        if (made.expected.verdict in ("page", "warning")) != (side == "fault"):
            raise Fault(f"{side}: must not expect {made.expected.verdict}")
        yield made


def merged(shared, own):
    """The members of a side: changes are added to those of the pair; other members replace them."""
    out = dict(shared)
    for key, value in own.items():
        if key in CHANGES and key in shared:
            value = {**shared[key], **value} if isinstance(value, dict) else shared[key] + value
        out[key] = value
    return out


def length_of(of):
    """The observed time: as given, or long enough for the expected reaction and its end."""
    if "length" in of:
        return seconds(of["length"])
    expected, evaluated = Expected.read(of["expect"]), seconds(of.get("evaluated", "1m"))
    begun, ended = (seconds(of[key]) if key in of else otherwise for key, otherwise in (("from", LEAD), ("to", 0)))
    after = TAIL if expected.over is None else expected.over + 2 * evaluated
    return max(begun + expected.within + evaluated, ended + after if ended else 0, 2 * LEAD)


def case(name, kind, of):
    world = World(str(of.get("world", "day")).split(","))
    begun = seconds(of["from"]) if "from" in of else LEAD
    ended = seconds(of["to"]) if "to" in of else 0
    every, evaluated = seconds(of.get("every", "15s")), seconds(of.get("evaluated", "1m"))
    expected = Expected.read(of["expect"])
    if expected.over is not None and not ended:
        raise Fault("over within: the fault has no end (to)")
    if expected.within and not expected.over and ended and expected.within > ended - begun:
        raise Fault(f"expects {expected}, but the fault lasts only {spoken(ended - begun)}")
    length = length_of(of) // evaluated * evaluated
    shapes = {world.histograms, *map(str, of.get("histograms", {}).values())}
    needs = "nhcb" if "nhcb" in shapes else "native" if shapes & {"native", "both"} else ""
    return Case(name, kind, " ".join(of["says"].split()), world, begun, ended, length, every, evaluated, expected,
                changed(Series(world, length, every), of), needs)


def changed(series, of):
    """Applies the changes of a case to its world."""
    for pattern in of.get("without", []):
        series.without(pattern)
    for instance, how in of.get("histograms", {}).items():
        series.shape_of(instance, how)
    for request in of.get("requests", []):
        series.request(request)
    for text, shape in of.get("series", {}).items():
        series.change(text, shape)
    for instance, text in of.get("instances", {}).items():
        series.happens(instance, text)
    return series


def healthy(cases):
    """A case without a fault for each world, half an hour long: alerts that fire in it fire always."""
    worlds = {c.world.name: c.world for c in cases}
    return [Case(f"healthy/{name}", "healthy", f"nothing happens ({name})", world, 0, 0, 1800, 15, 60, Expected("silent"),
                 Series(world, 1800, 15), {"nhcb": "nhcb", "classic": ""}.get(world.histograms, "native"))
            for name, world in sorted(worlds.items())]
