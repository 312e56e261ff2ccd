// The boards in a real browser, over a real Prometheus.
//   PREVIEW_URL      a running preview whose Prometheus scrapes a service under traffic
//   SCREENSHOTS      folder for a picture of each board (optional)
//   QUIET_PANELS     panels that may be empty under this traffic, separated by "|" (each must be named, with its reason, by the caller)
// tests/test_dashboards.py starts all of that.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const url = process.env.PREVIEW_URL;
const screenshots = process.env.SCREENSHOTS;
const quiet = new Set((process.env.QUIET_PANELS ?? '').split('|').filter(Boolean));
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const PATIENCE = 180_000; // ms: nothing fails for being slow before
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

if (!url) throw new Error('PREVIEW_URL is not set: run tests/test_dashboards.py');

let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: CHROMIUM, args: flags, timeout: PATIENCE });
});
after(() => browser?.close());

const boards = await (await fetch(`${url}/api/dashboards`)).json();

/** A page that remembers what went wrong on it. */
async function open(path, { width = 1600, height = 1000, prepare } = {}) {
  const page = await browser.newPage({ viewport: { width, height } });
  page.setDefaultTimeout(PATIENCE);
  const faults = [];
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`));
  if (prepare) await prepare(page);
  await page.goto(`${url}${path}`);
  await page.waitForSelector('[data-panel]', { timeout: PATIENCE });
  return { page, faults };
}

/** Panels load when they come into view: make the view as tall as the board, then wait for all of them. */
async function settle(page, width = 1600) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: height + 50 });
  await page.waitForFunction(() => [...document.querySelectorAll('[data-panel]')].every((e) => e.dataset.state !== 'loading'), null, { timeout: PATIENCE });
  await page.waitForTimeout(300);
}

const states = (page) => page.$$eval('[data-panel]', (all) => all.map((e) => ({ title: e.dataset.panel, state: e.dataset.state, text: e.innerText, drawn: !!e.querySelector('canvas, svg, table, [role=table], span, div') })));

for (const { uid, title } of boards) {
  test(`board ${uid}: every panel draws with data, nothing is logged`, async () => {
    const { page, faults } = await open(`/d/${uid}?from=now-15m&refresh=off`);
    await settle(page);
    const panels = await states(page);
    assert.ok(panels.length > 5, `only ${panels.length} panels on ${title}`);
    const bad = panels.filter((p) => p.state === 'error' || (p.state === 'empty' && !quiet.has(p.title)));
    assert.deepEqual(bad.map((p) => `${p.title}: ${p.state} ${p.text.split('\n').slice(1, 3).join(' ')}`), []);
    if (screenshots) {
      mkdirSync(screenshots, { recursive: true });
      await page.screenshot({ path: join(screenshots, `${uid}.png`), fullPage: true });
    }
    assert.deepEqual(faults, []);
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    console.log(`# ${uid}: ${panels.length} panels, first paint after ${Math.round(paint)} ms`);
    await page.close();
  });
}

test('light theme and a narrow screen', async () => {
  const { page, faults } = await open('/d/ingest-api?theme=light&from=now-15m&refresh=off', { width: 420, height: 900 });
  await settle(page, 420);
  const wide = await page.$$eval('[data-panel]', (all) => all.filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length);
  assert.equal(wide, 0, 'no panel is wider than the screen');
  const background = await page.$eval('.page', (e) => getComputedStyle(e).backgroundColor);
  const [red] = background.match(/\d+/g).map(Number);
  assert.ok(red > 200, `the light theme is light: ${background}`);
  if (screenshots) await page.screenshot({ path: join(screenshots, 'ingest-api-narrow.png') });
  assert.deepEqual(faults, []);
  await page.close();
});

test('a variable narrows every query, and stands in the address', async () => {
  const { page } = await open('/d/ingest-api?from=now-15m&refresh=off');
  const asked = [];
  page.on('request', (request) => request.url().includes('/query') && asked.push(decodeURIComponent(request.url())));
  await page.getByRole('combobox', { name: 'Job' }).click();
  await page.getByRole('option', { name: 'ingest-api' }).first().click();
  await page.waitForFunction(() => location.search.includes('var-job=ingest-api'));
  const carried = () => asked.some((request) => request.includes('job=~"ingest-api"'));
  if (!carried()) await page.waitForRequest((request) => decodeURIComponent(request.url()).includes('job=~"ingest-api"'));
  await page.close();
});

test('rows open and close by keyboard', async () => {
  const { page } = await open('/d/ingest-api?from=now-15m&refresh=off');
  const before = await page.$$eval('[data-panel]', (all) => all.length);
  await page.getByRole('button', { name: 'Overview' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction((n) => document.querySelectorAll('[data-panel]').length < n, before);
  await page.keyboard.press('Enter');
  await page.waitForFunction((n) => document.querySelectorAll('[data-panel]').length === n, before);
  await page.close();
});

test('a gauge is a dial: value, thresholds, name', async () => {
  const { page, faults } = await open('/d/promc?from=now-15m&refresh=off', {
    prepare: (page) =>
      page.route('**/api/dashboards/promc', async (route) => {
        const board = await (await route.fetch()).json();
        const panel = board.panels.find((p) => p.title === 'CPU');
        panel.type = 'gauge';
        panel.targets = [{ ...panel.targets[0], expr: 'vector(42)', legendFormat: 'answer', instant: true }];
        panel.fieldConfig = { defaults: { unit: 'percent', min: 0, max: 100, thresholds: { steps: [{ value: null, color: 'green' }, { value: 80, color: 'red' }] } }, overrides: [] };
        await route.fulfill({ json: board });
      }),
  });
  const dial = page.locator('[data-panel="CPU"] svg[role=img]');
  await dial.waitFor();
  assert.equal(await dial.getAttribute('aria-label'), 'answer: 42%');
  assert.equal(await dial.locator('path').count(), 4, 'the track, the value, and two thresholds');
  assert.deepEqual(faults, []);
  await page.close();
});

test('a broken query says what Prometheus said', async () => {
  const { page } = await open('/d/promc?from=now-15m&refresh=off', {
    prepare: (page) =>
      page.route('**/api/dashboards/promc', async (route) => {
        const board = await (await route.fetch()).json();
        board.panels.find((p) => p.title === 'CPU').targets[0].expr = 'sum(rate(';
        await route.fulfill({ json: board });
      }),
  });
  const panel = page.locator('[data-panel="CPU"]');
  await page.waitForFunction(() => document.querySelector('[data-panel="CPU"]')?.dataset.state === 'error');
  assert.match(await panel.innerText(), /parse error/);
  await page.close();
});

test('a range without data says so', async () => {
  const { page } = await open('/d/promc?from=978307200000&to=978310800000&refresh=off');
  await page.waitForFunction(() => document.querySelector('[data-panel="CPU"]')?.dataset.state === 'empty');
  assert.match(await page.locator('[data-panel="CPU"]').innerText(), /No data/);
  await page.close();
});

/** A port of this machine that nobody listens on, as far as can be known. */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

test('a stopped Prometheus is named', async () => {
  const [port, nobody] = [await freePort(), await freePort()];
  const server = spawn(process.execPath, [fileURLToPath(new URL('../server.mjs', import.meta.url))], {
    env: { ...process.env, PORT: String(port), PROMETHEUS_URL: `http://127.0.0.1:${nobody}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(`http://127.0.0.1:${port}/d/promc`);
    await page.waitForSelector('[role=alert]');
    assert.match(await page.locator('[role=alert], [data-testid*="Alert"]').first().innerText(), new RegExp(`Prometheus cannot be asked|Prometheus at http://127\.0\.0\.1:${nobody}`));
    await page.close();
  } finally {
    server.kill();
  }
});
