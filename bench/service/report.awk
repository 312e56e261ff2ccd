# SPDX-License-Identifier: Apache-2.0
# awk -v json=FILE -f report.awk RESULTS: prints the parts' lines `KEY VALUE` as one table, and writes JSON. The figure of a
# key is the median of its values; for two measurements in turn it is the median of their differences.

{ values[$1, ++count[$1]] = $2 }

function sort(list, n,    i, j, t) {
    for (i = 2; i <= n; i++) {
        t = list[i]
        for (j = i - 1; j >= 1 && list[j] > t; j--) list[j + 1] = list[j]
        list[j + 1] = t
    }
}

function quantile(list, n, q,    at, low) {
    if (n == 0) return "none"
    at = 1 + (n - 1) * q
    low = int(at)
    return low >= n ? list[n] : list[low] + (at - low) * (list[low + 1] - list[low])
}

function median(key,    list, i) {
    for (i = 1; i <= count[key]; i++) list[i] = values[key, i]
    sort(list, count[key])
    return quantile(list, count[key], .5)
}

# q of the differences a - b, turn by turn
function difference(a, b, q,    list, i, n) {
    n = count[a] < count[b] ? count[a] : count[b]
    for (i = 1; i <= n; i++) list[i] = values[a, i] - values[b, i]
    sort(list, n)
    return quantile(list, n, q)
}

function shown(v) {
    return v == "none" || v == "" ? "-" : sprintf(v >= 1000 || v <= -1000 ? "%.0f" : "%.4g", v)
}

function number(v) { return v == "none" || v == "" ? "null" : sprintf("%.6g", v) }

# met: 1, 0, or "" if there is no target
function line(key, label, unit, ours, other, ratio, target, met) {
    printf "%-44s %-12s %12s %12s %9s  %s\n", label, unit, shown(ours), shown(other),
        ratio == "" ? "" : sprintf("%.1fx", ratio), target == "" ? "" : sprintf("%s: %s", target, met ? "met" : "MISSED")
    printf "%s  \"%s\": {\"ingest_api\": %s, \"other\": %s, \"ratio\": %s, \"unit\": \"%s\", \"target\": %s, \"met\": %s}", \
        separator, key, number(ours), number(other), number(ratio), unit, target == "" ? "null" : "\"" target "\"", \
        target == "" ? "null" : met ? "true" : "false" >json
    separator = ",\n"
    missed += target != "" && !met
}

function heading(text, ours, other) {
    printf "\n%-44s %-12s %12s %12s %9s  %s\n", text, "unit", ours, other, other == "" ? "" : "ratio", "target"
}

# against Express; factor: how many times better it must be, 0: no target
function versus(key, label, unit, more, factor,    a, b, ratio, scale) {
    scale = unit == "ms" ? 1000 : 1
    a = median(sprintf(key, "ingest-api"))
    b = median(sprintf(key, "express"))
    if (a == "none") return
    ratio = b == "none" || a == 0 || b == 0 ? "" : more ? a / b : b / a
    gsub(/%s\./, "", key)
    line(key, label, unit, a / scale, b == "none" ? b : b / scale, ratio, factor && ratio != "" ? ">= " factor " x" : "", ratio >= factor)
}

function request(key, label, rate_factor) {
    versus(key ".%s.rps", label, "requests/s", 1, rate_factor)
    versus(key ".%s.p50", "  p50", "ms", 0, 0)
    versus(key ".%s.p99", "  p99", "ms", 0, 0)
    versus(key ".%s.cpu", "  CPU of 1,000 requests", "s", 0, 4)
    versus(key ".%s.rss", "  resident after it (VmRSS)", "MiB", 0, 10)
}

# against the Go service, plain and with GOGC=400, and PostgreSQL alone. factor, tuned: how many times better it must be
function beside_go(key, label, unit, field, more, factor, tuned,    a, b, names, factors, i) {
    a = median("go" key ".ingest-api." field)
    if (a == "none") return
    split("go go-400", names, " ")
    factors[1] = factor
    factors[2] = tuned
    for (i = 1; i <= 2; i++) {
        b = median("go" key "." names[i] "." field)
        if (b == "none" || a == 0 || b == 0) {
            line("go." key "." field "." i, label " (" names[i] ")", unit, a, "none", "", "", "")
            continue
        }
        line("go." key "." field "." i, label " (" names[i] ")", unit, a, b, more ? a / b : b / a, \
            factors[i] ? ">= " factors[i] " x" : "", (more ? a / b : b / a) >= factors[i])
    }
}

# PostgreSQL alone
function limit(key, label, unit, ours, alone, at_least,    a, b) {
    a = median(ours)
    b = median(alone)
    if (a != "none" && b != "none" && b > 0)
        line(key, label, unit, a, b, a / b, at_least ? ">= " at_least " of it" : "", a / b >= at_least)
}

# the cost of a health probe
function health(store, label,    cpu) {
    cpu = median("health." store ".cpu")
    if (cpu != "none")
        line("health." store, label, "s", cpu * 100, "none", "", "<= 1 s", cpu * 100 <= 1)
}

# the cost of metrics: with and without them; at_most is in the unit
function cost(key, label, unit, with, without, at_most, scale,    d) {
    d = difference(with, without, .5)
    if (d == "none") return
    line(key, label, unit, median(with) / scale, median(without) / scale, "", sprintf("%+.3g %s, <= %s", d / scale, unit, at_most), d / scale <= at_most)
}

END {
    printf "{\n" >json
    if (median("page.ingest-api.rps") != "none") heading("on one PostgreSQL", "ingest-api", "express")
    request("page", "GET a page of 100 prospects", 4)
    request("post", "POST one prospect", 0)
    versus("csv.%s.rows", "POST a CSV", "rows/s", 1, 0)
    versus("all.%s.rss", "resident at its most, of all three (VmHWM)", "MiB", 0, 10)
    versus("all.%s.anonymous", "  not mapped files, in the end (RssAnon)", "MiB", 0, 0)
    versus("all.%s.pss", "  shared pages by share, in the end (PSS)", "MiB", 0, 0)

    if (median("gopage.ingest-api.rps") != "none") heading("beside Go on one PostgreSQL", "ingest-api", "go")
    beside_go("page", "GET a page of 100 prospects", "requests/s", "rps", 1, 2.3, 1.9)
    beside_go("page", "  CPU of 1,000 requests", "s", "cpu", 0, 1.43, 1.43)
    beside_go("post", "POST one prospect", "requests/s", "rps", 1, 1.6, 1.3)
    beside_go("csv", "POST a CSV", "rows/s", "rows", 1, 0, 1.1)
    beside_go("all", "resident at its most (VmHWM)", "MiB", "rss", 0, 0, 0)
    if (median("page.limit.rps") != "none") heading("beside PostgreSQL alone", "ingest-api", "alone")
    limit("limit.page", "GET a page, pgbench", "requests/s", "gopage.ingest-api.rps", "page.limit.rps", 0)
    limit("limit.post", "POST one prospect, pgbench", "requests/s", "gopost.ingest-api.rps", "post.limit.rps", 0)
    limit("limit.csv", "POST a CSV, COPY and upsert by psql", "rows/s", "gocsv.ingest-api.rows", "csv.limit.rows", .85)
    health("postgres", "GET /health, CPU of 100,000 requests")

    if (median("embedded.ingest-api.rows") != "none") heading("embedded (SQLite, synchronous=FULL)", "ingest-api", "express")
    a = median("embedded.ingest-api.rows")
    b = median("embedded.express.rows")
    if (a != "none")
        line("embedded.rows", "POST a CSV", "rows/s", a, b, b == "none" ? "" : a / b, ">= 100000 rows/s", a >= 100000)
    limit("embedded.limit", "  beside SQLite alone, the statement in a loop", "rows/s", "embedded.ingest-api.rows", "embedded.limit.rows", .75)

    if (median("get.p50.1") != "none") heading("what metrics cost (embedded)", "with", "without")
    cost("metrics.p50", "GET one prospect, p50", "us", "get.p50.1", "get.p50.0", 1, 1)
    d = difference("get.p99.1", "get.p99.0", .5)
    if (d != "none") {
        low = difference("get.p99.1", "get.p99.0", .25)
        high = difference("get.p99.1", "get.p99.0", .75)
        noise = high - low
        line("metrics.p99", "  p99, 8 connections", "us", median("get.p99.1"), median("get.p99.0"), "",
            sprintf("%+.3g us, within noise (%.3g)", d, noise), d <= noise)
    }
    cost("metrics.instructions", "  instructions (1 us: 3,000 or more)", "", "instructions.get.1", "instructions.get.0", 3000, 1)
    cost("metrics.instructions_unmatched", "  of a path that no route has", "", "instructions.unmatched.1", "instructions.unmatched.0", 3000, 1)
    health("embedded", "GET /health, CPU of 100,000 requests")
    series = median("scrape.series")
    if (series != "none") {
        heading(sprintf("a scrape of %d series a second", series), "with", "without")
        cost("scrape.p99", "GET one prospect under load, p99", "ms", "scrape.p99.1", "scrape.p99.0", 1, 1000)
        line("scrape.p50", "  p50", "ms", median("scrape.p50.1") / 1000, median("scrape.p50.0") / 1000, "", "", "")
        line("scrape.ms", "  the scrape itself", "ms", median("scrape.ms"), "", "", "", "")
    }
    printf "\n}\n" >json
    printf "\n%s\n", missed ? missed " of the targets missed" : "all targets met"
}
