// Responses of Prometheus to what panels draw, without a browser: node --test test/prometheus.test.mjs
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

globalThis.document = { querySelector: () => null }; // prometheus.ts reads its time limit from the page
const { outputFiles } = await build({
  stdin: {
    contents: "export { queryRange } from './prometheus'; export { cells } from './panels/Heatmap';",
    resolveDir: fileURLToPath(new URL('../src', import.meta.url)),
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  write: false,
});
const { queryRange, cells } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);

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
