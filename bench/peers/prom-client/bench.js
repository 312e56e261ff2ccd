// SPDX-License-Identifier: Apache-2.0

// prom-client's side of the table, with its own idioms: children held for hot paths, labels() for lookups.
// One thread: a registry in JavaScript cannot be shared between threads, so there are no two-thread cases.
// The cases are defined in bench/README.md. Run with --expose-gc.
import { Counter, Histogram, Registry } from 'prom-client';
import { readFileSync } from 'node:fs';

const VALUES = 1024;
const LOOKUP_SERIES = 64;
const HISTOGRAM_FILL = 100;
const BATCHES = 50;
const BATCH_NS = 1_000_000;
const labelNames = ['method', 'route', 'status_code'];

const observations = new Float64Array(VALUES);
for (let i = 0, x = 1; i < VALUES; i++) {
  x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
  observations[i] = 12 * (x / 4294967296) ** 4;
}

function labelsOf(i) {
  const method = ['GET', 'POST', 'PUT', 'DELETE'][i % 4];
  const status = ['200', '201', '404', '500'][Math.floor(i / 4) % 4];
  return [method, `/api/v1/resource-${String(Math.floor(i / 16)).padStart(5, '0')}`, status];
}

const counterValue = (i) => (i * 7919) % 1000003;
const emit = (name, value) => console.log(`${name} ${value}`);
const now = () => Number(process.hrtime.bigint());

// ---- timing: the same protocol as common/harness.c ----

function nsPerOp(loop) {
  for (let i = 0; i < 10; i++) loop(10_000); // let the optimiser see it
  let n = 1000;
  for (; ; n *= 2) {
    const start = now();
    loop(n);
    if (now() - start >= BATCH_NS) break;
  }
  const took = new Float64Array(BATCHES);
  for (let i = 0; i < BATCHES; i++) {
    const start = now();
    loop(n);
    took[i] = now() - start;
  }
  took.sort();
  return (took[BATCHES / 2 - 1] + took[BATCHES / 2]) / 2 / n;
}

async function textSpeed(registry) {
  let best = Infinity;
  let spent = 0;
  let bytes = 0;
  for (let i = 0; i < 3 || spent < 300e6; i++) {
    const start = now();
    const text = await registry.metrics();
    const took = now() - start;
    const written = Buffer.byteLength(text);
    if (i > 0 && written !== bytes) throw new Error(`rendering ${i + 1} wrote ${written} bytes, before it ${bytes}`);
    bytes = written;
    best = Math.min(best, took);
    spent += took;
  }
  return (bytes / best) * 1000;
}

function residentBytes() {
  global.gc();
  return Number(/^Rss:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))[1]) * 1024;
}

// ---- metrics ----

const registry = new Registry();
const newCounters = () =>
  new Counter({ name: 'http_requests_total', help: 'Requests served.', labelNames, registers: [registry] });
const newHistograms = () =>
  new Histogram({ name: 'http_request_duration_seconds', help: 'Time to answer.', labelNames, registers: [registry] });

function fillCounters(series) {
  const counters = newCounters();
  for (let i = 0; i < series; i++) counters.labels(...labelsOf(i)).inc(counterValue(i));
}

function fillHistograms(series) {
  const histograms = newHistograms();
  for (let i = 0, v = 0; i < series; i++) {
    const child = histograms.labels(...labelsOf(i));
    for (let k = 0; k < HISTOGRAM_FILL; k++) child.observe(observations[v++ % VALUES]);
  }
}

// ---- cases ----

const cases = {
  counter() {
    const child = newCounters().labels('GET', '/', '200');
    emit('counter_inc_1t', nsPerOp((n) => {
      for (let i = 0; i < n; i++) child.inc();
    }));
  },
  observe() {
    const child = newHistograms().labels('GET', '/', '200');
    emit('observe_1t', nsPerOp((n) => {
      for (let i = 0; i < n; i++) child.observe(observations[i % VALUES]);
    }));
  },
  lookup() {
    const counters = newCounters();
    const labels = Array.from({ length: LOOKUP_SERIES }, (_, i) => labelsOf(i));
    emit('lookup_inc_1t', nsPerOp((n) => {
      for (let i = 0; i < n; i++) {
        const l = labels[i % LOOKUP_SERIES];
        counters.labels(l[0], l[1], l[2]).inc();
      }
    }));
  },
  async text_counters_10k() {
    fillCounters(10_000);
    emit('text_counters_10k', await textSpeed(registry));
  },
  async text_counters_100k() {
    fillCounters(100_000);
    emit('text_counters_100k', await textSpeed(registry));
  },
  async text_histograms_1k() {
    fillHistograms(1000);
    emit('text_histograms_1k', await textSpeed(registry));
  },
  memory() {
    const series = 100_000;
    const counters = newCounters();
    counters.labels(...labelsOf(0)).inc();
    const before = residentBytes();
    let creating = 0;
    for (let i = 0; i < series; i++) {
      const l = labelsOf(i); // the library keeps the strings, so they count as its memory
      const start = now();
      counters.labels(l[0], l[1], l[2]).inc();
      creating += now() - start;
    }
    emit('series_create_ns', creating / series);
    emit('bytes_per_series', (residentBytes() - before) / series);
  },
  async slices() {
    fillCounters(1_000_000);
    const start = now();
    await registry.metrics();
    emit('slice_stall_us', (now() - start) / 1000);
  },
};

const name = process.argv[2] ?? '';
if (!Object.hasOwn(cases, name)) {
  console.error(`usage: bench.js CASE; no case "${name}"`);
  process.exit(2);
}
await cases[name]();
