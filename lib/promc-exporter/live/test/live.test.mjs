// SPDX-License-Identifier: Apache-2.0
// The live view in a real browser, over a program with a family of every type (tests/live_target.c).
//   LIVE_URL   its exporter's address; tests/test_live_view.py starts the program
// playwright-core and axe-core are those of the dashboards, so that building the library downloads nothing.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { between, parse, quantile, total } from '../exposition.js';
import { format, span, unitOf } from '../units.js';
import { axe } from '../../../../tools/dashboard-preview/support/axe.mjs';

const require = createRequire(new URL('../../../../tools/dashboard-preview/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const url = process.env.LIVE_URL;
const PATIENCE = 180_000; // ms; so long that a slow machine is no failure
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

/** The rows below a family's graph (label → text), as soon as they satisfy `ready`. */
async function rows(name, ready = (found) => found.length > 0 && found.every(([, value]) => /\d/.test(value))) {
  for (const end = Date.now() + PATIENCE; ; ) {
    const found = await page.$$eval(`[data-family="${name}"] tbody tr`, (all) => all.map((row) => [row.querySelector('th').textContent, row.querySelector('td').textContent]));
    if (ready(found) || Date.now() > end) return new Map(found);
    await page.waitForTimeout(50);
  }
}
const numbers = async (name) => new Map([...(await rows(name))].map(([label, value]) => [label, Number.parseFloat(value)]));

const accept = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8';
const exposed = async () => parse(await (await fetch(`${url}metrics`, { headers: { Accept: accept } })).arrayBuffer());

test('all families are shown: first those of the program, then the process, then promc', async () => {
  const names = [...(await exposed()).keys()];
  assert.ok(names.length > 20, `only ${names.length} families`);
  await page.waitForFunction((count) => document.querySelectorAll('article').length >= count, names.length, { polling: 100 });
  const shown = await page.$$eval('article', (all) => all.map((e) => e.dataset.family));
  assert.deepEqual(names.filter((name) => !shown.includes(name)), []);
  const rank = (name) => (name.startsWith('promc_') ? 2 : name.startsWith('live') ? 0 : 1);
  assert.deepEqual(shown.map(rank), shown.map(rank).sort());
  assert.ok(shown.includes('live.name/ä'));
});

test('the page shows the name, the version and the uptime of the program', async () => {
  assert.equal(await page.textContent('h1'), 'live-target');
  assert.match(await page.textContent('#about'), /^1\.2 "quoted\\" · up \d+ (s|min)/);
});

test('counters are shown as rates, one line per series, with any labels', async () => {
  const rates = await numbers('live_jobs_total');
  assert.deepEqual([...rates.keys()].sort(), ['queue="mail"', 'queue="odd,le=\\"0.5\\"} 7 ä"']);
  for (const [labels, rate] of rates) assert.ok(rate > 0 && rate < 1000, `${labels}: ${rate}`);
});

test('gauges are shown as values', async () => {
  for (const name of ['live_depth', 'live_in_flight']) {
    for (const [, value] of await numbers(name)) assert.ok(value >= 0, name);
  }
});

test('histograms, also native ones, are shown as quantiles and a heatmap, summaries as their quantiles', async () => {
  const classic = await numbers('live_classic_seconds');
  assert.deepEqual([...classic.keys()], ['p50', 'p95', 'p99', 'per second']);
  for (const name of ['p50', 'p95', 'p99']) assert.ok(classic.get(name) >= 250 && classic.get(name) <= 500, `${name}: ${classic.get(name)} ms`);
  assert.ok(classic.get('per second') > 0);
  const summary = await numbers('live_summary_seconds');
  assert.equal(summary.size, 6);
  for (const [name, value] of summary) assert.ok(/^step="(idle|busy)" p(50|90|99)$/.test(name) && Math.abs(value - 300) < 30, `${name}: ${value}`);
  const native = await numbers('live_native_seconds');
  for (const name of ['p50', 'p95', 'p99']) assert.ok(Math.abs(native.get(name) - 300) < 30, `${name}: ${native.get(name)} ms`);
  for (const name of ['live_classic_seconds', 'live_native_seconds']) {
    const blue = await page.$eval(`[data-family="${name}"] canvas`, (canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) count += data[i + 2] > data[i] + 60 && data[i + 3] > 0;
      return count;
    });
    assert.ok(blue > 500, `${name}: ${blue} points of a heatmap`);
  }
  const unused = await rows('live_unused_seconds', (found) => found.length === 4);
  assert.deepEqual(Object.fromEntries(unused), { p50: '–', p95: '–', p99: '–', 'per second': '0 /s' }, 'without observations there are no quantiles');
});

test('NaN and infinities are shown, bytes have a unit, times are shown as ages', async () => {
  const odd = await rows('live_odd_bytes', (found) => found.length === 3);
  assert.deepEqual(Object.fromEntries(odd), { 'is="nan"': 'NaN', 'is="inf"': '+Inf', 'is="3 MiB"': '3 MiB' });
  assert.match((await rows('process_start_time_seconds')).get('value'), / ago$/);
});

test('of many series the largest are shown, with the total number and buttons for the others', async () => {
  const first = await rows('live_items', (found) => found.length === 12);
  assert.deepEqual([...first.values()].sort(), ['+Inf', '30', '31', '32', '33', '34', '35', '36', '37', '38', '39', 'NaN'], 'NaN and infinities are shown first');
  const pager = page.locator('[data-family="live_items"] p').last();
  assert.match(await pager.textContent(), /^series 1 to 12 of 42, the largest first/);
  await pager.getByRole('button', { name: 'next' }).click();
  assert.match(await pager.textContent(), /^series 13 to 24 of 42/);
  assert.equal(Math.max(...(await numbers('live_items')).values()), 29);
  await page.fill('#search', 'item="3"');
  assert.deepEqual([...(await numbers('live_items')).values()], [3]);
  await page.fill('#search', '');
});

test('the same for a counter, which has no rates at first', async () => {
  const first = await numbers('live_paths_total');
  assert.deepEqual([...first.keys()].sort(), Array.from({ length: 12 }, (_, i) => `path="${988 + i}"`));
  assert.match(await page.locator('[data-family="live_paths_total"] p').last().textContent(), /^series 1 to 12 of 1000, the largest first/);
  assert.equal(format(1.7e308, ''), '1.7e+308');
});

test('everything works with the keyboard', async () => {
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.family), await page.$$eval('article', (all) => all[1].dataset.family));
  await page.keyboard.press('p');
  assert.equal(await page.getAttribute('#pause', 'aria-pressed'), 'true');
  assert.equal(await page.textContent('#pause'), 'Resume');
  await page.keyboard.press('ArrowLeft');
  assert.match(await page.textContent('#count'), /:\d\d/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('t');
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
  await page.keyboard.press('?');
  assert.ok(await page.isVisible('#help'));
  await page.keyboard.press('?');
  await page.keyboard.press('/');
  await page.keyboard.type('live_depth');
  assert.equal(await page.inputValue('#search'), 'live_depth');
  await page.keyboard.press('Escape');
  assert.equal(await page.inputValue('#search'), '');
  await page.keyboard.press('p');
  assert.equal(await page.getAttribute('#pause', 'aria-pressed'), 'false');
});

test('a page that is opened later shows the history', async () => {
  const wait = async () => {
    const bytes = new Uint8Array(await (await fetch(`${url}history`)).arrayBuffer());
    return bytes.length > 2000; // the line of JSON and at least one exposition
  };
  while (!(await wait())) await page.waitForTimeout(500);
  const later = await browser.newPage({ viewport: { width: 900, height: 900 } });
  later.setDefaultTimeout(PATIENCE);
  await later.route('**/metrics', (route) => route.abort()); // only the history
  await later.goto(url);
  await later.waitForFunction(() => document.querySelectorAll('article').length > 20, null, { polling: 100 });
  await later.close();
});

test('the search filters by name and by label', async () => {
  const shown = () => page.$$eval('article:not([hidden])', (all) => all.map((e) => e.dataset.family));
  const all = (await shown()).length;
  await page.fill('#search', 'LIVE_classic');
  assert.deepEqual((await shown()).sort(), ['live_classic_seconds', 'promc_series_dropped_total'], 'the second has it in a label');
  await page.fill('#search', 'step="busy"');
  assert.deepEqual(await shown(), ['live_summary_seconds']);
  await page.fill('#search', 'le_x="a');
  assert.deepEqual(await shown(), ['live_classic_seconds'], 'the labels of a histogram too');
  assert.equal((await rows('live_classic_seconds')).size, 4);
  await page.fill('#search', 'queue="mail" depth');
  assert.deepEqual(await shown(), ['live_depth']);
  await page.fill('#search', 'ZEBRAS');
  assert.deepEqual(await shown(), ['live_items'], 'by its help text');
  await page.fill('#search', 'no such thing');
  assert.deepEqual(await shown(), []);
  assert.match(await page.textContent('#count'), /^0 of \d+ families$/);
  assert.equal(await page.textContent('#nothing'), 'No metric has “no such thing” in its name, labels or help text.');
  await page.fill('#search', '');
  assert.ok((await shown()).length >= all);
});

for (const theme of ['dark', 'light']) {
  test(`axe finds nothing, ${theme}`, async () => {
    const context = await browser.newContext({ viewport: { width: 1600, height: 20000 }, colorScheme: theme });
    const one = await context.newPage();
    one.setDefaultTimeout(PATIENCE);
    await one.goto(url);
    await one.waitForFunction(() => /next/.test(document.querySelector('[data-family="live_items"] p:last-of-type')?.textContent), null, { polling: 100 });
    await one.keyboard.press('?');
    assert.deepEqual(await axe(one), [], `the system's theme is ${theme}`);
    await one.evaluate((name) => (document.documentElement.dataset.theme = name), theme === 'dark' ? 'light' : 'dark');
    assert.deepEqual(await axe(one), [], 'and the reader chose the other one');
    await one.route('**/metrics', (route) => route.abort());
    await one.waitForFunction(() => document.querySelector('#state').textContent, null, { polling: 100 });
    assert.deepEqual(await axe(one), [], 'the program does not answer');
    await context.close();
  });
}

test('the page says when the program does not answer, and when it answers again', async () => {
  const quiet = faults.length;
  await page.route('**/metrics', (route) => route.abort());
  await page.waitForFunction(() => document.querySelector('#state').textContent === 'the program does not answer', null, { polling: 100 });
  await page.unroute('**/metrics');
  await page.waitForFunction(() => document.querySelector('#state').textContent === '', null, { polling: 100 });
  faults.splice(quiet); // the browser's own messages about the failed request
});

test('there are no requests to other hosts and no errors', () => {
  assert.deepEqual(asked.filter((address) => !address.startsWith(url) && !address.startsWith('data:')), []);
  assert.deepEqual(faults, []);
});

test('quantiles of the observations between two polls', () => {
  const at = (counts) => total({ series: new Map([['', { count: counts.reduce((a, b) => a + b), sum: 0, native: false, buckets: [[0, 1, counts[0]], [1, 2, counts[1]], [2, Infinity, counts[2]]] }]]) });
  assert.equal(quantile(0.5, between(at([10, 0, 0]), at([10, 10, 0])), false), 1.5);
  assert.equal(quantile(0.99, between(at([0, 0, 0]), at([0, 0, 5])), false), 2, 'above the last bound: the last bound');
  assert.ok(Number.isNaN(quantile(0.5, between(at([1, 0, 0]), at([1, 0, 0])), false)), 'no observations');
  assert.equal(quantile(1, between(at([5, 0, 4]), at([4, 0, 0])), false), 1, 'after a restart of the program: all observations');
  assert.equal(quantile(0.5, [[1, 4, 10]], true), 2, 'exponential inside a native bucket');
});

test('numbers in readable form', () => {
  assert.deepEqual(['a_bytes', 'b_seconds_total', 'c_ratio', 'process_start_time_seconds', 'd_total'].map((name) => unitOf({ name, unit: '' })), ['bytes', 'seconds', 'ratio', 'age', '']);
  const cases = [[1536, 'bytes', '1.5 KiB'], [0.0000025, 'seconds', '2.5 µs'], [0.055, 'seconds', '55 ms'], [3700, 'seconds', '1 h 1 min'], [0.123, 'ratio', '12.3 %'], [12345, '', '12.3 k'], [999.9, '', '1 k'], [NaN, '', 'NaN'], [-Infinity, '', '-Inf'], [null, '', '–'], [0, 'age', 'never'], [Date.now() / 1000 + 200_000, 'age', 'in 2 d 7 h']];
  assert.match(format(Date.now() / 1000 - 95, 'age'), /^1 min 3[5-9] s ago$/); // the next second may begin meanwhile
  for (const [value, unit, text] of cases) assert.equal(format(value, unit), text);
  assert.equal(format(2048, 'bytes', true), '2 KiB/s');
  assert.equal(span(-90061), '-1 d 1 h');
});
