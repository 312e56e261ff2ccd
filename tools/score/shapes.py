# SPDX-License-Identifier: Apache-2.0
"""How a series goes, in words: `0; 10m: 900; 20m: -> 5; 25m: gone`. The words: infra/prometheus/corpus/README.md.

A shape is pieces, each from a time to the next one's. `samples` gives one value for each scrape: a number, STALE (the series has
ended) or MISSING (nobody looked)."""
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
    """What is wrong with a case, and where."""


def seconds(text):
    if not re.fullmatch(TIME, text):
        raise Fault(f"{text!r} is no time: 90s, 10m, 1h30m")
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
    """[(from, match)], the first from 0."""
    found, last = [], 0
    for part in str(text).split(";"):
        match = PIECE.fullmatch(part.strip())
        if not match:
            raise Fault(f"{part.strip()!r} is no piece of a shape")
        at = seconds(match["at"]) if match["at"] else 0
        if found and at <= last:
            raise Fault(f"{part.strip()!r} begins at {spoken(at)}, no later than the piece before it")
        found.append((at, match))
        last = at
    if found[0][0]:
        found.insert(0, (0, PIECE.fullmatch("0")))
    return found


def is_counter(text):
    """Whether it counts: a rate or an addition is in it."""
    return any(match["rate"] or match["add"] for _, match in pieces(text))


def samples(text, times, seed="", share=1.0):
    """The values at the times (a range, which nobody changes); the same ones for the same text and seed. `share`: of the rates, one
    replica's part of them."""
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
            # The piece that ends in this step has its part of it.
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
    """samples() in promtool's notation; most series of a world are like many others."""
    return _written(str(text), times, seed if "~" in str(text) else "")


def wobble(piece, draw):
    return 1 + draw.uniform(-1, 1) * int(piece["noise"]) / 100 if piece["noise"] else 1


def gained(begun, piece, end, before, at, share, draw):
    """What a piece from `begun` to `end` counts in (before, at]."""
    if piece["rate"]:
        return share * number(piece["rate"]) / UNITS[piece["per"]] * max(min(at, end) - max(before, begun), 0) * wobble(piece, draw)
    if piece["add"]:
        return int(piece["add"]) * (happened(begun, min(at, end - 1), piece["every"]) - happened(begun, min(before, end - 1), piece["every"]))
    return 0


def happened(begun, moment, every):
    """How often something has happened by then that happens at `begun` and in these intervals after."""
    if moment < begun:
        return 0
    return 1 + int((moment - begun) // seconds(every)) if every else 1


def notation(values):
    """As promtool reads it, runs in short: 0+15x40."""
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
