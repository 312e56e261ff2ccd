# SPDX-License-Identifier: Apache-2.0
"""The series of a case in promtool's notation: its world, its changes, and the events of whole instances."""
import fnmatch
import re

from shapes import MISSING, STALE, Fault, is_counter, notation, pieces, samples, seconds, written
from world import BUCKETS, JOBS, ROUTE

EVENT = re.compile(r"(?:(\d+[smhd](?:\d+[smhd])*):\s*)?(up|down(?: (\d+) of (\d+))?|restart|gone|skipped)")
DURATION = "http_request_duration_seconds"
FAST, SLOW = 0.03, 0.8


def selector(text):
    """Parses name{a=b, c=d} to (name, labels)."""
    match = re.fullmatch(r"([a-zA-Z_:*][a-zA-Z0-9_:*]*)(?:\{(.*)\})?", text.strip())
    if not match:
        raise Fault(f"invalid selector {text!r}; expected name{{label=value, …}}")
    labels = {}
    for part in filter(None, (part.strip() for part in (match[2] or "").split(","))):
        name, found, value = part.partition("=")
        if not found:
            raise Fault(f"invalid selector {text!r}: {part!r} is not label=value")
        labels[name.strip()] = value.strip().strip('"')
    return match[1], labels


def full_instance(name):
    return JOBS.get(name, name if ":" in name else f"{name}:3000")


class Life:
    """The history of an instance: when it is up or down, and when it restarts."""

    def __init__(self, text, times):
        self.times, self.restarts, self.calm, events = times, [], not text, []
        for part in filter(None, (part.strip() for part in str(text or "").split(";"))):
            match = EVENT.fullmatch(part)
            if not match:
                raise Fault(f"unknown event {part!r} of an instance; known: up, down, down N of M, restart, gone, skipped")
            at = seconds(match[1]) if match[1] else 0
            events.append((at, match))
            if match[2] == "restart":
                self.restarts.append(at)
        self.states = [self._state(events, at) for at in times]

    def _state(self, events, at):
        step = self.times[1] - self.times[0]
        begun, now = max(((t, m) for t, m in events if t <= at), key=lambda item: item[0], default=(0, None))
        if now is None or now[2] in ("up", "restart"):
            return "up"
        if now[3]:
            return "down" if round((at - begun) / step) % int(now[4]) < int(now[3]) else "up"
        return now[2]

    def up(self):
        return self._ended(["_" if s == "skipped" else STALE if s == "gone" else int(s == "up") for s in self.states])

    def of(self, values, counts):
        """The values as scraped: counters begin at 0 after each restart."""
        if self.calm:
            return values
        out, lost, last = [], 0, 0
        for at, before, state, value in zip(self.times, [-1, *self.times], self.states, values):
            if counts and not isinstance(value, str):
                if any(before < restart <= at for restart in self.restarts):
                    lost = last
                last = value
                value -= lost
            out.append({"up": value, "skipped": MISSING}.get(state, STALE))
        return self._ended(out)

    @staticmethod
    def _ended(values):
        """Keeps STALE once at the end of a series, then MISSING."""
        return [MISSING if v == STALE and (i == 0 or values[i - 1] in (STALE, MISSING)) else v for i, v in enumerate(values)]


class Series:
    """All series of one case."""

    def __init__(self, world, length, step):
        self.world, self.step = world, step
        self.times = range(0, length + 1, step)
        self.lives, self.default_life = {}, Life("", self.times)
        # [name, labels with job and instance, shape]
        self.plain = []
        for name, labels, shape in world.series(step):
            job = labels.get("job", "ingest-api")
            for instance in [JOBS[job]] if job in JOBS else world.instances:
                self.plain.append([name, {"job": job, "instance": instance} | labels, shape])
        # (method, route, status, instance): {rate (a shape), share, first, slow, takes}
        self.http, self.histograms = {}, {}
        for request in world.requests():
            self.request(request)
        self.gone = []

    # ---- what a case changes

    def without(self, pattern):
        """Removes all series of a name (may contain *), or of a job (`job prometheus`)."""
        job = pattern.removeprefix("job ") if pattern.startswith("job ") else None
        kept = [s for s in self.plain if (s[1]["job"] != job if job else not fnmatch.fnmatchcase(s[0], pattern))]
        hit = len(kept) < len(self.plain) or job in ("ingest-api", *JOBS) or pattern == "up" \
            or any(fnmatch.fnmatchcase(n, pattern) for n in ("http_requests_total", f"{DURATION}_bucket"))
        if not hit:
            raise Fault(f"without {pattern!r}: the world has no series of that name")
        self.plain = kept
        self.gone.append((job, pattern))

    def is_gone(self, name, job):
        return any(job == gone if gone else fnmatch.fnmatchcase(name, pattern) for gone, pattern in self.gone)

    def change(self, text, shape):
        """`selector: shape`. If the shape begins later, the old series continues until then."""
        name, labels = selector(text)
        if "instance" in labels:
            labels["instance"] = full_instance(labels["instance"])
        later = bool(re.match(r"\s*\d+[smhd][\dsmhd]*:", str(shape)))
        hits = [s for s in self.plain if fnmatch.fnmatchcase(s[0], name) and labels.items() <= s[1].items()]
        for series in hits:
            series[2] = f"{series[2]}; {shape}" if later else str(shape)
            pieces(series[2])
        if hits:
            return
        if "*" in name:
            raise Fault(f"{text!r}: the world has no such series")
        pieces(shape)
        job = labels.get("job", "ingest-api")
        known = [labels["instance"]] if "instance" in labels else [JOBS[job]] if job in JOBS else self.world.instances
        for instance in known:
            self.plain.append([name, {"job": job, "instance": instance} | labels, str(shape)])

    def request(self, of):
        known = {"method", "route", "status", "rate", "slow", "takes", "at"}
        if unknown := set(of) - known:
            raise Fault(f"requests: unknown member {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        if "rate" not in of and "slow" not in of:
            raise Fault("requests: rate or slow is missing")
        on = [full_instance(of["at"])] if "at" in of else self.world.instances
        for index, instance in enumerate(on):
            key = (of.get("method", "GET"), of.get("route", ROUTE), str(of.get("status", 200)), instance)
            before = self.http.get(key)
            shape = of.get("rate", before and before["rate"])
            if shape is None:
                raise Fault(f"requests: {key[:3]} has no rate")
            if before and "rate" in of and re.match(r"\s*\d+[smhd][\dsmhd]*:", str(shape)):
                shape = f"{before['rate']}; {shape}"
            pieces(shape)
            self.http[key] = {"rate": str(shape), "share": 1 / len(on), "first": index == 0,
                              "slow": str(of.get("slow", 0)), "takes": float(of.get("takes", SLOW))}

    def happens(self, instance, text):
        name = full_instance(instance)
        if name not in self.world.instances and name not in JOBS.values():
            raise Fault(f"unknown instance {instance!r}; known: {', '.join([*self.world.instances, *JOBS.values()])}")
        self.lives[name] = Life(text, self.times)

    def shape_of(self, instance, how):
        """Sets the kind of an instance's histograms: native, nhcb, both, or the bounds of classic buckets."""
        self.histograms[full_instance(instance)] = how

    # ---- in promtool's notation

    def written(self):
        """[{series, values}]"""
        out = []
        for name, labels, shape in self.plain:
            seed = name + str(sorted(labels.items()))
            if labels["instance"] not in self.lives:
                out.append((name, labels, written(shape, self.times, seed)))
                continue
            life = self.lives[labels["instance"]]
            values = samples(shape, self.times, seed)
            if name == "process_start_time_seconds":
                values = [next((r for r in reversed(life.restarts) if r <= at), value) for at, value in zip(self.times, values)]
            out.append((name, labels, notation(life.of(values, is_counter(shape)))))
        for (method, route, status, instance), request in self.http.items():
            out += self._request(request, {"job": "ingest-api", "instance": instance, "method": method, "route": route, "status_code": status})
        taken = {labels["instance"] for name, labels, _ in out if name == "up"}
        for job, instance in [("ingest-api", i) for i in self.world.instances] + list(JOBS.items()):
            if instance not in taken and not self.is_gone("up", job):
                out.append(("up", {"job": job, "instance": instance}, notation(self.lives.get(instance, self.default_life).up())))
        return [{"series": f"{name}{{{','.join(f'{k}={quoted(v)}' for k, v in labels.items())}}}", "values": values}
                for name, labels, values in out if set(values.split()) - {f"_x{len(self.times)}"}]

    def _request(self, request, labels):
        life = self.lives.get(labels["instance"], self.default_life)
        shape = request["rate"] if request["first"] or not re.search(r"\+\d", request["rate"]) else "0/s"
        total = samples(shape, self.times, str(labels), request["share"])
        shares = samples(request["slow"], self.times)
        slow, exact, before = [], 0.0, 0
        for value, share in zip(total, shares):
            if isinstance(value, str):
                slow.append(value)
                continue
            exact += (value - before) * share
            before = value
            slow.append(int(exact + 1e-6))
        if not self.is_gone("http_requests_total", "ingest-api"):
            yield "http_requests_total", labels, notation(life.of(total, True))
        total, slow = life.of(total, True), life.of(slow, True)
        if self.is_gone(f"{DURATION}_bucket", "ingest-api"):
            return
        how = str(self.histograms.get(labels["instance"], self.world.histograms))
        fast = [t if isinstance(t, str) else t - s for t, s in zip(total, slow)]
        took = [t if isinstance(t, str) else round(f * FAST + s * request["takes"], 6) for t, f, s in zip(total, fast, slow)]
        if how in ("native", "both", "nhcb"):
            yield DURATION, labels, " ".join(t if isinstance(t, str) else histogram(how, f, s, request["takes"], k)
                                             for t, f, s, k in zip(total, fast, slow, took))
        if how in ("native", "nhcb"):
            return
        bounds = BUCKETS if how in ("classic", "both") else how.split() + ["+Inf"]
        for le in bounds:
            within = [t if isinstance(t, str) else (f if FAST <= float(le) else 0) + (s if request["takes"] <= float(le) else 0)
                      for t, f, s in zip(total, fast, slow)]
            yield f"{DURATION}_bucket", labels | {"le": le}, notation(within)
        yield f"{DURATION}_count", labels, notation(total)
        yield f"{DURATION}_sum", labels, notation(took)


def histogram(how, fast, slow, takes, took):
    """A histogram with two groups of observations, in promtool's notation. Schema 0: bucket i ends at 2^i; 0.03 is in bucket -5."""
    if how == "nhcb":
        bounds = [float(le) for le in BUCKETS[:-1]]
        at = [sum(bound < value for bound in bounds) for value in (FAST, takes)]
        heaps = [fast * (i == at[0]) + slow * (i == at[1]) for i in range(len(bounds) + 1)]
        custom = " ".join(f"{bound:g}" for bound in bounds)
        return f"{{{{schema:-53 custom_values:[{custom}] count:{fast + slow} sum:{took:g} buckets:[{' '.join(map(str, heaps))}]}}}}"
    high = next(i for i in range(-5, 20) if takes <= 2.0 ** i)
    heaps = [fast] + [0] * (high + 4) + [slow]
    return f"{{{{schema:0 count:{fast + slow} sum:{took:g} offset:-5 buckets:[{' '.join(map(str, heaps))}]}}}}"


def quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
