// Responses of Prometheus to what panels draw, without a browser: node --test test/prometheus.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

globalThis.document = { querySelector: () => null }; // prometheus.ts reads its time limit from the page
const { outputFiles } = await build({
  stdin: {
    contents: "export { queryRange } from './prometheus'; export { cells } from './panels/Heatmap'; export { ruleOf } from './incident'; export { axisPlaces, axisTimes } from './clock'; export { lines } from './series'; export { interpolate } from './variables';",
    resolveDir: fileURLToPath(new URL('../src', import.meta.url)),
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  write: false,
});
const { queryRange, cells, axisPlaces, axisTimes, lines, interpolate, ruleOf } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);

/** Runs a range query to which Prometheus answers with these series. */
const answered = (result) => {
  globalThis.fetch = async () => new Response(JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } }));
  return queryRange('x', { from: 0, to: 60 }, 15);
};

test('values: +Inf, -Inf and NaN', async () => {
  const [{ points }] = await answered([{ metric: {}, values: [[15, '+Inf'], [30, '-Inf'], [45, 'NaN'], [60, '1e-3']] }]);
  assert.deepEqual(points, [[15, Infinity], [30, -Infinity], [45, NaN], [60, 0.001]]);
});

test('a native histogram with custom buckets: the overflow bucket is the top row of the heatmap', async () => {
  const series = await answered([{ metric: {}, histograms: [[15, { count: '6', sum: '9', buckets: [[0, '-Inf', '1', '3'], [0, '1', '2', '2'], [0, '2', '+Inf', '1']] }]] }]);
  assert.deepEqual(series[0].natives, [[15, [[1, 3], [2, 2], [Infinity, 1]]]]);
  const { bounds, counts } = cells(series);
  assert.equal(bounds[0], 1);
  assert.equal(bounds.at(-1), Infinity);
  assert.deepEqual([counts[0], counts.at(-1)], [[3], [1]]);
});

test('the zero bucket of a native histogram is one row, not the 128 powers of two above it', async () => {
  const series = await answered([{ metric: {}, histograms: [[15, { count: '3', sum: '1', buckets: [[3, '-2.938735877055719e-39', '2.938735877055719e-39', '1'], [0, '0.25', '0.5', '2']] }]] }]);
  const { bounds, counts } = cells(series);
  assert.deepEqual([bounds, counts], [[0, 0.5], [[1], [2]]]);
});

test('the days of a heatmap begin at midnight of the local time, also when the clock is changed', () => {
  const before = process.env.TZ;
  try {
    for (const zone of ['UTC', 'America/New_York', 'Europe/Berlin', 'Asia/Kolkata']) {
      process.env.TZ = zone;
      for (const [from, to] of [['2026-11-10T09:30', '2026-11-20T09:30'], ['2026-03-05T00:00', '2026-04-02T00:00'], ['2026-10-22T12:00', '2026-11-05T12:00']]) {
        const [first, last] = [from, to].map((text) => new Date(text).getTime() / 1000);
        const places = axisPlaces(first, last, 86400);
        const days = places.map((time) => new Date(time * 1000));
        assert.ok(days.every((date) => date.getHours() === 0 && date.getMinutes() === 0), `${zone}: ${days}`);
        assert.ok(places[0] >= first && places[0] - first < 86400 && places.at(-1) <= last && last - places.at(-1) < 90000, zone);
        assert.equal(new Set(axisTimes(places, 86400)).size, places.length, zone);
      }
      const hours = axisPlaces(1e9, 1e9 + 86400, 21600).map((time) => new Date(time * 1000));
      assert.deepEqual(hours.map((date) => date.getHours() % 6), [0, 0, 0, 0], zone);
    }
  } finally {
    process.env.TZ = before ?? '';
    if (before === undefined) delete process.env.TZ;
  }
});

test('a time without any series is a gap in the graph', async () => {
  const series = await answered([{ metric: { a: 'b' }, values: [[15, '1'], [30, '2'], [75, '3'], [90, '4']] }]);
  const { times, lines: [line] } = lines({}, [[{ refId: 'A', expr: 'x' }, series]], 'dark', 15);
  assert.deepEqual([times, line.values], [[15, 30, 45, 75, 90], [1, 2, null, 3, 4]]);
});

test('a chosen value with quotes, a backslash and a newline stays one text in the query', () => {
  const times = { step: 15, rate: 60, range: 3600 };
  const filled = (...values) => interpolate('x{route=~"$route"}', [{ name: 'route', type: 'query' }], { route: values }, times);
  assert.equal(filled('/a.b'), String.raw`x{route=~"/a\\.b"}`);
  assert.equal(filled('a"b', 'c'), String.raw`x{route=~"(a\"b|c)"}`);
  assert.equal(filled('a\\b\nc'), String.raw`x{route=~"a\\\\b\nc"}`);
});

test('a long range has at most the 11,000 points that Prometheus allows', async () => {
  let asked;
  globalThis.fetch = async (url) => {
    asked = new URL(url, 'http://page').searchParams;
    return new Response(JSON.stringify({ status: 'success', data: { resultType: 'matrix', result: [] } }));
  };
  for (const days of [1, 2, 30]) {
    await queryRange('x', { from: 1e9 + 7, to: 1e9 + 7 + days * 86400 }, 15);
    const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(asked.get(name)));
    assert.ok((end - start) / step + 1 <= 11_000, `${days} days in steps of ${step} s`);
    assert.ok(days > 1 || step === 15);
  }
});

test('of several rules with one name the page shows the one of the alert', () => {
  const rules = ['1h', '3d'].map((window) => ({ name: 'Burn', labels: { severity: window === '1h' ? 'critical' : 'warning', window } }));
  rules.push({ name: 'Other' });
  assert.equal(ruleOf(rules, 'Burn', { job: 'a', window: '3d' }), rules[1], 'a link has no severity');
  assert.equal(ruleOf(rules, 'Burn', { job: 'a', severity: 'warning' }), rules[1]);
  assert.equal(ruleOf(rules, 'Burn', {}), rules[0]);
  assert.equal(ruleOf(rules, 'Burn', { window: '9d' }), rules[0]);
  assert.equal(ruleOf(rules, 'Other', {}), rules[2]);
  assert.equal(ruleOf(rules, 'None', {}), undefined);
});
