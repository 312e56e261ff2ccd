// SPDX-License-Identifier: Apache-2.0
// The live view in a real browser, over a program with a family of every type (tests/live_target.c).
//   LIVE_URL   its exporter's address; tests/test_live_view.py starts it
// playwright-core is the dashboards': who builds the library does not have to download it.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { parse, quantile, total } from '../src/exposition.js';

const require = createRequire(new URL('../../../../tools/dashboard-preview/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const url = process.env.LIVE_URL;
const PATIENCE = 180_000; // ms; a slow machine is no fault
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

if (!url) throw new Error('LIVE_URL is not set: run tests/test_live_view.py');

let browser;
let page;
const faults = [];
const asked = [];
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags, timeout: PATIENCE });
  page = await browser.newPage({ viewport: { width: 1600, height: 20000 } }); // cards are drawn when they come into view
  page.setDefaultTimeout(PATIENCE);
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`));
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(url);
});
after(() => browser?.close());

/** name → [line's label, the number beside it] of what is drawn of a family. */
const legend = (name) =>
  page.$$eval(`[data-family="${name}"] .u-series`, (rows) => rows.slice(1).map((row) => [row.querySelector('.u-label').textContent, row.querySelector('.u-value').textContent]));

/** The legend of a family once every line of it has a number. */
async function numbers(name) {
  await page.waitForFunction(
    (family) => {
      const found = [...document.querySelectorAll(`[data-family="${family}"] .u-series .u-value`)].slice(1);
      return found.length > 0 && found.every((e) => /^-?\d/.test(e.textContent));
    },
    name,
    { polling: 100 },
  );
  return new Map((await legend(name)).map(([label, value]) => [label, Number.parseFloat(value)]));
}

const exposed = async () => parse(await (await fetch(`${url}metrics`)).text());

test('every family of the program is drawn', async () => {
  const names = [...(await exposed()).keys()];
  assert.ok(names.length > 20, `only ${names.length} families`);
  await page.waitForFunction((count) => document.querySelectorAll('section canvas').length >= count, names.length, { polling: 100 });
  const drawn = await page.$$eval('section', (all) => all.filter((e) => e.querySelector('canvas')).map((e) => e.dataset.family));
  assert.deepEqual(names.filter((name) => !drawn.includes(name)), []);
});

test('counters are rates, one line a series, whatever the labels', async () => {
  const rates = await numbers('live_jobs_total');
  assert.deepEqual([...rates.keys()].sort(), ['queue="mail"', 'queue="odd,le=\\"0.5\\"} 7 ä"']);
  for (const [labels, rate] of rates) assert.ok(rate > 0 && rate < 1000, `${labels}: ${rate}`);
});

test('gauges are themselves', async () => {
  for (const name of ['live_depth', 'live_in_flight', 'live_build_info']) {
    for (const [, value] of await numbers(name)) assert.ok(value >= 0, name);
  }
});

test('histograms are quantiles between the bounds, summaries their own, native ones their mean', async () => {
  const classic = await numbers('live_classic_seconds');
  assert.deepEqual([...classic.keys()], ['p50', 'p95', 'p99']);
  for (const [name, value] of classic) assert.ok(value >= 0.25 && value <= 0.5, `${name}: ${value}`);
  const summary = await numbers('live_summary_seconds');
  assert.equal(summary.size, 6);
  for (const [name, value] of summary) assert.ok(/^step="(idle|busy)" p(50|90|99)$/.test(name) && Math.abs(value - 0.3) < 0.03, `${name}: ${value}`);
  const native = await numbers('live_native_seconds');
  assert.deepEqual([...native.keys()], ['mean']);
  assert.ok(Math.abs(native.get('mean') - 0.3) < 1e-3);
});

test('the search narrows what is shown, by name and by label', async () => {
  const shown = () => page.$$eval('section:not([hidden])', (all) => all.map((e) => e.dataset.family));
  const all = (await shown()).length;
  await page.fill('#search', 'LIVE_classic');
  assert.deepEqual((await shown()).sort(), ['live_classic_seconds', 'promc_series_dropped_total'], 'the second has it in a label');
  await page.fill('#search', 'step="busy"');
  assert.deepEqual(await shown(), ['live_summary_seconds']);
  await page.fill('#search', 'queue="mail" depth');
  assert.deepEqual(await shown(), ['live_depth']);
  await page.fill('#search', 'no such thing');
  assert.deepEqual(await shown(), []);
  assert.match(await page.textContent('#count'), /^0 of \d+ families$/);
  await page.fill('#search', '');
  assert.ok((await shown()).length >= all);
});

test('a program that does not answer is said, and that it answers again', async () => {
  const quiet = faults.length;
  await page.route('**/metrics', (route) => route.abort());
  await page.waitForFunction(() => document.querySelector('#state').textContent === 'the program does not answer', null, { polling: 100 });
  await page.unroute('**/metrics');
  await page.waitForFunction(() => document.querySelector('#state').textContent === '', null, { polling: 100 });
  faults.splice(quiet); // what the browser itself logs of a lost request
});

test('nothing is asked of anybody else, and nothing is complained about', () => {
  assert.deepEqual(asked.filter((address) => !address.startsWith(url) && !address.startsWith('data:')), []);
  assert.deepEqual(faults, []);
});

test('quantiles of what was seen between two scrapes', () => {
  const at = (counts, sum) => ({ buckets: [1, 2, Infinity].map((le, i) => [le, counts[i]]), sum, count: counts[2] });
  assert.equal(quantile(0.5, at([10, 10, 10], 5), at([10, 20, 20], 20)), 1.5);
  assert.equal(quantile(0.99, at([0, 0, 0], 0), at([0, 0, 5], 50)), 2, 'above the last bound: the last bound');
  assert.ok(Number.isNaN(quantile(0.5, at([1, 1, 1], 1), at([1, 1, 1], 1))), 'nothing seen');
  assert.equal(quantile(1, at([5, 5, 9], 9), at([4, 4, 4], 4)), 1, 'the program has begun anew: from zero');
});

test('what is odd in an exposition is read', () => {
  const families = parse('# HELP h Two\\nlines \\\\.\n# TYPE h histogram\nh_bucket{a="x,le=\\"3\\"",le="1"} 2\nh_bucket{a="x,le=\\"3\\"",le="+Inf"} 3\nh_sum{a="x,le=\\"3\\""} 4\nh_count{a="x,le=\\"3\\""} 3\n# TYPE s summary\ns_sum 1\ns_count 2\nuntyped_thing 7\n');
  assert.deepEqual(families.get('h').series.get('a="x,le=\\"3\\""'), { buckets: [[1, 2], [Infinity, 3]], quantiles: [], sum: 4, count: 3 });
  assert.equal(families.get('h').help, 'Two lines \\.');
  assert.deepEqual(total(families.get('s')), { buckets: [], sum: 1, count: 2 });
  assert.equal(families.get('untyped_thing').series.get(''), 7);
});
