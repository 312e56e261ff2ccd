# SPDX-License-Identifier: Apache-2.0
"""The shape of a series as text: `0; 10m: 900; 20m: -> 5; 25m: gone`. The syntax: infra/prometheus/corpus/README.md.

A shape consists of pieces; each lasts until the next one begins. `samples` returns one value for each scrape: a number, STALE (the series
has ended) or MISSING (not scraped)."""
import functools
import random
import re

STALE, MISSING = "stale", "_"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FACTORS = {"": 1, "%": 0.01, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2 ** 10, "Mi": 2 ** 20, "Gi": 2 ** 30}
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?:%|Ki|Mi|Gi|k|M|G)?"
TIME = r"\d+[smhd](?:\d+[smhd])*"
PIECE = re.compile(rf"""(?:(?P<at>{TIME}):\s*)?(?:
      (?P<rate>{NUMBER})/(?P<per>[smhd])
    | \+(?P<add>\d+)(?:\ every\ (?P<every>{TIME}))?
    | ->\s*(?P<ramp>{NUMBER})
    | cycle\ (?P<cycle>(?:{NUMBER}\ ?|gone\ ?)+)
    | (?P<clock>clock)(?:\ (?P<ahead>[-+]{TIME}))?
    | (?P<level>{NUMBER})
    | (?P<word>gone|missing|reset|frozen)
    )(?:\ ~(?P<noise>\d+)%)?""", re.VERBOSE)


class Fault(Exception):
    """An error in a case: what and where."""


def seconds(text):
    if not re.fullmatch(TIME, text):
        raise Fault(f"invalid time {text!r}; examples: 90s, 10m, 1h30m")
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", text))


def spoken(number):
    """600: 10m."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if number and number % size == 0:
            return f"{int(number // size)}{unit}"
    return f"{number:g}s"


def number(text):
    match = re.fullmatch(r"(.*?)(%|Ki|Mi|Gi|k|M|G)?", text)
    return float(match[1]) * FACTORS[match[2] or ""]


def pieces(text):
    """Parses a shape to [(start, match)]; the first starts at 0."""
    found, last = [], 0
    for part in str(text).split(";"):
        match = PIECE.fullmatch(part.strip())
        if not match:
            raise Fault(f"unknown shape {part.strip()!r}; known: N, N/s, +N, +N every T, -> N, cycle N …, clock, gone, missing, reset, frozen")
        at = seconds(match["at"]) if match["at"] else 0
        if found and at <= last:
            raise Fault(f"{part.strip()!r} begins at {spoken(at)}, which is not after the piece before it")
        found.append((at, match))
        last = at
    if found[0][0]:
        found.insert(0, (0, PIECE.fullmatch("0")))
    return found


def is_counter(text):
    """Whether it is a counter: it has a rate or an addition."""
    return any(match["rate"] or match["add"] for _, match in pieces(text))


def samples(text, times, seed="", share=1.0):
    """The values at `times` (a range). Text and seed determine them. @param share  one replica's share of the rates"""
    return _samples(str(text), times, seed if "~" in str(text) else "", share)


@functools.lru_cache(maxsize=512)
def _samples(text, times, seed, share):
    plan, draw = pieces(text), random.Random(f"{seed} {text}")
    ends = [begun for begun, _ in plan[1:]] + [float("inf")]
    counts = is_counter(text)
    step = times[1] - times[0] if len(times) > 1 else 1
    value, start, index, out = 0.0, 0.0, 0, []
    for at in times:
        before = at - step
        if counts and before >= 0:
            # The piece that ends in this step contributes until its end.
            value += gained(*plan[index], ends[index], before, at, share, draw)
        while ends[index] <= at:
            index += 1
            if counts:
                value = 0.0 if plan[index][1]["word"] == "reset" else value + gained(*plan[index], ends[index], max(before, 0), at, share, draw)
        begun, piece = plan[index]
        new = before < begun
        if piece["word"] in ("gone", "missing"):
            out.append(STALE if piece["word"] == "gone" and new and at != times[0] else MISSING)
            continue
        if piece["ramp"]:
            end = ends[index] if ends[index] < float("inf") else times[-1]
            start = value if new else start
            value = start + (number(piece["ramp"]) - start) * min((at - begun) / max(end - begun, 1), 1)
        elif piece["cycle"]:
            words = piece["cycle"].split()
            word = words[round((at - begun) / step) % len(words)]
            if word == "gone":
                out.append(STALE)
                continue
            value = number(word)
        elif piece["level"]:
            value = number(piece["level"])
        elif piece["clock"]:
            ahead = piece["ahead"]
            value = at + (seconds(ahead[1:]) * (-1 if ahead[0] == "-" else 1) if ahead else 0)
        # A counter counts whole events; ignore the fraction lost to rounding.
        out.append(int(value + 1e-6) if counts else value * (wobble(piece, draw) if piece["level"] or piece["ramp"] else 1))
    return out


@functools.lru_cache(maxsize=2048)
def _written(text, times, seed):
    return notation(_samples(text, times, seed, 1.0))


def written(text, times, seed=""):
    """samples() in promtool's notation, cached because many series of a world are equal."""
    return _written(str(text), times, seed if "~" in str(text) else "")


def wobble(piece, draw):
    return 1 + draw.uniform(-1, 1) * int(piece["noise"]) / 100 if piece["noise"] else 1


def gained(begun, piece, end, before, at, share, draw):
    """The increase in (before, at] of a piece that lasts from `begun` to `end`."""
    if piece["rate"]:
        return share * number(piece["rate"]) / UNITS[piece["per"]] * max(min(at, end) - max(before, begun), 0) * wobble(piece, draw)
    if piece["add"]:
        return int(piece["add"]) * (happened(begun, min(at, end - 1), piece["every"]) - happened(begun, min(before, end - 1), piece["every"]))
    return 0


def happened(begun, moment, every):
    """The number of events until `moment`, if they happen at `begun` and every `every` after it."""
    if moment < begun:
        return 0
    return 1 + int((moment - begun) // seconds(every)) if every else 1


def notation(values):
    """Promtool's notation, with runs shortened: 0+15x40."""
    out, i = [], 0
    while i < len(values):
        value = values[i]
        j = i + 1
        if isinstance(value, str) and value != MISSING:
            out.append(value)
        elif value == MISSING:
            while j < len(values) and values[j] == MISSING:
                j += 1
            out.append(f"_x{j - i}")
        else:
            step = values[j] - value if j < len(values) and isinstance(values[j], int) and isinstance(value, int) else 0
            while j < len(values) and not isinstance(values[j], str) and values[j] == value + step * (j - i):
                j += 1
            out.append(plain(value) if j == i + 1 else f"{plain(value)}{f'+{step}' if step >= 0 else step}x{j - i - 1}")
        i = j
    return " ".join(out)


def plain(value):
    return str(value) if isinstance(value, int) else f"{value:.9g}"
