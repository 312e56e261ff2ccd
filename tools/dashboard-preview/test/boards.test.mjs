// The boards in a real browser, with a real Prometheus.
//   PREVIEW_URL      a running preview whose Prometheus scrapes a service under traffic
//   QUIET_PANELS     panels that may be empty under this traffic, separated by "|" (each must be named, with its reason, by the caller)
// tests/test_dashboards.py starts everything.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { boards, browser, open, quiet, reads, settle, states, url, PATIENCE } from '../support/browser.mjs';
import { axe } from '../support/axe.mjs';

for (const { uid, title } of boards) {
  test(`board ${uid}: every panel draws with data, no errors are logged`, async () => {
    const { page, faults } = await open(`/d/${uid}?from=now-15m&refresh=off`);
    await settle(page);
    const panels = await states(page);
    assert.ok(panels.length > 5, `only ${panels.length} panels on ${title}`);
    const bad = panels.filter((p) => p.state === 'error' || (p.state === 'empty' && !quiet.has(p.title)));
    assert.deepEqual(bad.map((p) => `${p.title}: ${p.state} ${p.text.split('\n').slice(1, 3).join(' ')}`), []);
    assert.deepEqual(faults, []);
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    console.log(`# ${uid}: ${panels.length} panels, first paint after ${Math.round(paint)} ms`);
    await page.close();
  });
}

for (const theme of ['dark', 'light']) {
  test(`axe finds nothing, ${theme}`, async () => {
    for (const { uid } of boards) {
      const { page } = await open(`/d/${uid}?from=now-15m&refresh=off&theme=${theme}`);
      await settle(page);
      assert.deepEqual(await axe(page), [], uid);
      if (uid !== 'promc') {
        await page.close();
        continue; // the controls are the same on every board; this one loads fastest
      }
      await page.getByRole('button', { name: /^Time range/ }).click();
      assert.deepEqual(await axe(page), [], `${uid}, the time range open`);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Job:/ }).click();
      assert.deepEqual(await axe(page), [], `${uid}, a variable open`);
      await page.close();
    }
  });
}

test('less than 1 MB of script', async () => {
  const { page } = await open('/d/ingest-api?from=now-15m&refresh=off');
  const bytes = await page.evaluate(() => performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.js')).reduce((sum, e) => sum + e.decodedBodySize, 0));
  console.log(`# script: ${bytes} bytes`);
  assert.ok(bytes > 1000 && bytes < 1e6, String(bytes));
  await page.close();
});

test('light theme and a narrow screen', async () => {
  const { page, faults } = await open('/d/ingest-api?theme=light&from=now-15m&refresh=off', { width: 420, height: 900 });
  await settle(page, 420);
  const wide = await page.$$eval('[data-panel]', (all) => all.filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length);
  assert.equal(wide, 0, 'no panel is wider than the screen');
  const background = await page.$eval('.page', (e) => getComputedStyle(e).backgroundColor);
  const [red] = background.match(/\d+/g).map(Number);
  assert.ok(red > 200, `the light theme is light: ${background}`);
  assert.deepEqual(faults, []);
  await page.close();
});

test('the default job is the service; All means all values of the list', async () => {
  const { page } = await open('/d/ingest-api?from=now-15m&refresh=off');
  const asked = [];
  page.on('request', (request) => request.url().includes('/query') && asked.push(new URL(request.url()).searchParams.get('query')));
  await page.getByRole('button', { name: 'Job: ingest-api' }).click();
  await page.getByRole('checkbox', { name: 'All' }).check();
  await page.waitForFunction(() => location.search.includes('var-job=%24__all'));
  await page.waitForFunction(() => document.querySelector('[data-panel="Targets up"]').dataset.state === 'data');
  assert.ok(asked.every((query) => !query?.includes('job=~".+"')), 'never every job there is');
  await page.close();
});

test('a variable filters every query and is in the URL', async () => {
  const { page } = await open('/d/ingest-api?from=now-15m&refresh=off');
  const asked = [];
  page.on('request', (request) => request.url().includes('/query') && asked.push(new URL(request.url()).searchParams.get('query')));
  await page.getByRole('button', { name: 'Route: All' }).click();
  await page.getByRole('checkbox', { name: '/api/v1/campaigns', exact: true }).check();
  await page.waitForFunction(() => location.search.includes('var-route=%2Fapi%2Fv1%2Fcampaigns'));
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Route: /api/v1/campaigns', 'the focus is where it was');
  await page.locator('[data-panel="Requests by route"]').scrollIntoViewIfNeeded();
  await page.waitForFunction(() => document.querySelector('[data-panel="Requests by route"]').dataset.state === 'data');
  await page.waitForFunction(() => document.querySelectorAll('[data-panel="Requests by route"] tbody tr').length < 4);
  assert.ok(asked.some((query) => query?.includes('route=~"/api/v1/campaigns"')));
  await page.close();
});

test('an answer that comes late does not replace the values of a newer range', async () => {
  const answer = (value) => ({ json: { status: 'success', data: [value] } });
  let answerFirst;
  const { page } = await open('/d/promc?from=now-15m&refresh=off', {
    prepare: (page) => page.route('**/label/instance/values?*', (route) => {
      if (answerFirst) return route.fulfill(answer('new:1'));
      return new Promise((resolve) => (answerFirst = () => resolve(route.fulfill(answer('old:1')))));
    }),
  });
  await page.getByRole('button', { name: /^Time range/ }).click();
  const second = page.waitForResponse('**/label/instance/values?*');
  await page.getByRole('button', { name: 'Last 5 minutes' }).click();
  await second;
  const first = page.waitForResponse('**/label/instance/values?*');
  answerFirst();
  await first;
  await page.waitForTimeout(300);
  await page.getByRole('button', { name: /^Instance: / }).click();
  await page.getByRole('checkbox', { name: 'new:1' }).waitFor({ timeout: 10_000 });
  assert.equal(await page.getByRole('checkbox', { name: 'old:1' }).count(), 0);
  await page.close();
});

test('Back works across ranges and boards', async () => {
  const { page } = await open('/d/ingest-api?from=now-15m&refresh=off');
  await page.getByRole('button', { name: /^Time range/ }).click();
  await page.getByRole('button', { name: 'Last 5 minutes' }).click();
  await page.waitForFunction(() => location.search.includes('from=now-5m'));
  await page.getByRole('combobox', { name: 'Dashboard' }).selectOption('promc');
  await page.waitForFunction(() => location.pathname === '/d/promc' && document.querySelector('h1').textContent.startsWith('promc'));
  await page.goBack();
  await page.waitForFunction(() => location.pathname === '/d/ingest-api' && location.search.includes('from=now-5m'));
  await page.getByRole('button', { name: 'Time range: Last 5 minutes' }).waitFor();
  await page.goBack();
  await page.getByRole('button', { name: 'Time range: Last 15 minutes' }).waitFor();
  await page.close();
});

test('an absolute range: an invalid one is refused, a valid one is in the URL', async () => {
  const { page } = await open('/d/promc?from=now-15m&refresh=off');
  await page.getByRole('button', { name: /^Time range/ }).click();
  await page.getByRole('textbox', { name: 'From', exact: true }).fill('2026-01-32 03:04:05');
  await reads(page.locator('.range [role=alert]'), /Write times like/);
  await page.getByRole('textbox', { name: 'From', exact: true }).fill('2026-01-02 03:04:05');
  await page.getByRole('textbox', { name: 'To', exact: true }).fill('2026-01-02 03:00');
  await reads(page.locator('.range [role=alert]'), /end must be after/);
  assert.ok(await page.getByRole('button', { name: 'Show this range' }).isDisabled());
  await page.getByRole('textbox', { name: 'To', exact: true }).fill('2026-01-02 04:04:05');
  await page.getByRole('button', { name: 'Show this range' }).click();
  const expected = await page.evaluate(() => `from=${new Date('2026-01-02T03:04:05').getTime()}&to=${new Date('2026-01-02T04:04:05').getTime()}`);
  await page.waitForFunction((text) => location.search.includes(text), expected);
  await page.getByRole('button', { name: 'Time range: 2026-01-02 03:04:05 to 2026-01-02 04:04:05' }).waitFor();
  await page.close();
});

test('one panel in full screen, its link, its data as CSV', async () => {
  const { page } = await open('/d/promc?from=now-15m&refresh=off');
  const panel = page.locator('[data-panel="Memory"]');
  await panel.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => document.querySelector('[data-panel="Memory"]').dataset.state === 'data');
  await panel.hover();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Memory as CSV', exact: true }).click()]);
  const lines = readFileSync(await download.path(), 'utf8').trim().split('\n');
  assert.match(lines[0], /^time,(heap|resident) /);
  assert.match(lines.at(-1), /^\d{4}-\d\d-\d\dT[\d:.]+Z,\d+/);
  await page.getByRole('button', { name: 'Memory in full screen', exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll('[data-panel]').length === 1 && location.search.includes('viewPanel='));
  await page.getByRole('button', { name: 'Link to Memory', exact: true }).click();
  const link = await page.locator('.about p').innerText();
  if (link.startsWith('http')) assert.match(link, /viewPanel=\d+.*from=\d{13}.*to=\d{13}|from=\d{13}&to=\d{13}.*viewPanel=/);
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.querySelectorAll('[data-panel]').length > 1 && !location.search.includes('viewPanel'));
  await page.close();
});

test('a name keeps its colour when the range changes; statuses have fixed colours', async () => {
  const colors = async (from) => {
    const { page } = await open(`/d/ingest-api?from=${from}&refresh=off`);
    await settle(page);
    const found = await page.$$eval('[data-panel="Requests by route"] .key, [data-panel="Responses by status"] .key', (all) =>
      all.map((e) => [`${e.closest('[data-panel]').dataset.panel} ${e.innerText}`, e.querySelector('i').style.background]));
    await page.close();
    return new Map(found);
  };
  const [short, long] = [await colors('now-2m'), await colors('now-1h')];
  const both = [...short.keys()].filter((name) => long.has(name));
  assert.ok(both.length > 5);
  for (const name of both) assert.equal(short.get(name), long.get(name), name);
  assert.equal(short.get('Responses by status 200'), 'rgb(115, 191, 105)', 'good is green');
});

test('lines of one graph have different colours unless the board fixes them', async () => {
  const { page } = await open('/d/promc?from=now-15m&refresh=off', {
    prepare: (page) => page.route('**/query_range?*', async (route) => {
      const values = [[Date.now() / 1000 - 60, '1'], [Date.now() / 1000, '2']];
      const result = [['ingest-api', '127.0.0.1:15000'], ['prometheus', '127.0.0.1:15090'], ['alertmanager', '127.0.0.1:15093'], ['a', 'b'], ['c', 'd'], ['e', 'f']]
        .map(([job, instance]) => ({ metric: { job, instance }, values }));
      await route.fulfill({ json: { status: 'success', data: { resultType: 'matrix', result } } });
    }),
  });
  await settle(page);
  const graphs = await page.$$eval('[data-panel]', (all) => all.map((e) => [...e.querySelectorAll('.key i')].map((i) => i.style.background.match(/\d+/g).map(Number))).filter((keys) => keys.length > 1));
  assert.ok(graphs.length > 3);
  for (const keys of graphs.filter((one) => one.length <= 6)) {
    keys.forEach((a, i) => keys.slice(0, i).forEach((b) => assert.ok(Math.hypot(...a.map((part, k) => part - b[k])) > 40, `${a} beside ${b}`)));
  }
  await page.close();
});

test('a stacked graph draws no line for statuses that are always 0', async () => {
  for (const failures of [0, 3]) {
    const { page } = await open('/d/ingest-api?from=now-15m&refresh=off', {
      prepare: (page) => page.route((url) => /status_code/.test(url.searchParams.get('query') ?? ''), async (route) => {
        const end = Date.now() / 1000;
        const series = (status, value) => ({ metric: { status_code: status }, values: Array.from({ length: 60 }, (_, i) => [end - 15 * (60 - i), String(value)]) });
        await route.fulfill({ json: { status: 'success', data: { resultType: 'matrix', result: [series('200', 5), series('500', failures)] } } });
      }),
    });
    const panel = page.locator('[data-panel="Responses by status"]');
    await panel.scrollIntoViewIfNeeded();
    await page.waitForFunction(() => document.querySelector('[data-panel="Responses by status"]').dataset.state === 'data');
    await reads(panel, /500/);
    // Marks of alerts are red too, but narrow.
    const red = await panel.locator('canvas').evaluate((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const columns = new Set();
      for (let i = 0; i < data.length; i += 4) if (data[i] > 230 && data[i + 1] < 120 && data[i + 2] < 140 && data[i + 3] > 200) columns.add((i / 4) % canvas.width);
      return columns.size / canvas.width;
    });
    if (failures) assert.ok(red > 0.5, `failures are a red line over ${red} of the width`);
    else assert.ok(red < 0.3, `no failures are a red line over ${red} of the width`);
    await page.close();
  }
});

test('the alerts: critical first, then the oldest', async () => {
  const alert = (alertname, severity, since) => ({ metric: { alertname, severity, alertstate: 'firing', job: 'ingest-api' }, value: [0, String(since)] });
  const { page } = await open('/d/ingest-api?from=now-15m&refresh=off', {
    prepare: (page) =>
      page.route('**/query?*ALERTS_FOR_STATE*', (route) => {
        const now = Date.now(); // when it answers: the request may come a minute later
        return route.fulfill({ json: { status: 'success', data: { resultType: 'vector', result: [alert('A', 'warning', now - 600e3), alert('B', 'critical', now - 600e3), alert('C', 'critical', now - 7200e3)] } } });
      }),
  });
  await page.locator('[data-panel="Active alerts"] tbody tr').first().waitFor();
  const rows = await page.$$eval('[data-panel="Active alerts"] tbody tr', (all) => all.map((row) => row.innerText.split('\t').slice(0, 4).join(' ')));
  assert.deepEqual(rows, ['critical C firing 2 h ago', 'critical B firing 10 min ago', 'warning A firing 10 min ago']);
  await page.close();
});

test('tables have the right columns, and organisations have names', async () => {
  const { page } = await open('/d/ingest-api?from=now-15m&refresh=off');
  await settle(page);
  const columns = (panel) => page.$$eval(`[data-panel="${panel}"] th`, (all) => all.map((e) => e.innerText));
  assert.deepEqual(await columns('Slowest routes'), ['route', 'p95', 'slower than 0.5 s', 'errors', 'requests']);
  const [first, ...others] = await columns('Each organisation');
  assert.deepEqual([first, others.at(-1)], ['organisation', 'id']);
  const name = page.locator('[data-panel="Each organisation"] tbody a').first();
  assert.equal(await name.innerText(), 'Demo organisation');
  await name.click();
  await page.getByRole('button', { name: 'Organisation: Demo organisation' }).waitFor();
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
  assert.equal(await dial.getAttribute('aria-label'), 'answer: 42 %');
  assert.equal(await dial.locator('path').count(), 4, 'the track, the value, and two thresholds');
  assert.deepEqual(faults, []);
  await page.close();
});

test('a broken query shows Prometheus\' error', async () => {
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
  await reads(panel, /parse error/);
  await page.close();
});

test('a range without data says so', async () => {
  const { page } = await open('/d/promc?from=978307200000&to=978310800000&refresh=off');
  await page.waitForFunction(() => document.querySelector('[data-panel="CPU"]')?.dataset.state === 'empty');
  await reads(page.locator('[data-panel="CPU"]'), /No data/);
  await page.close();
});

/** A port that was free a moment ago. */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

test('loading a board is tried again after a failure', async () => {
  let asked = 0;
  const { page } = await open('/d/promc?refresh=off', {
    prepare: (page) => page.route('**/api/dashboards/promc', (route) => (asked++ ? route.continue() : route.abort())),
  });
  assert.equal(asked, 2);
  await page.close();
});

test('a stopped Prometheus is named', async () => {
  const [port, nobody] = [await freePort(), await freePort()];
  const server = spawn(process.execPath, [fileURLToPath(new URL('../server.mjs', import.meta.url))], {
    env: { ...process.env, PORT: String(port), PROMETHEUS_URL: `http://127.0.0.1:${nobody}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const page = await (await browser()).newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(`http://127.0.0.1:${port}/d/promc`);
    await page.waitForSelector('[role=alert]');
    await reads(page.locator('[role=alert], [data-testid*="Alert"]').first(), new RegExp(`Prometheus at http://127\.0\.0\.1:${nobody}`));
    await page.close();
  } finally {
    server.kill();
  }
});

test('a Prometheus that hangs is named within two intervals, and the page shows how old its data is', async () => {
  let hangs = false;
  const prometheus = createHttp(async (request, response) => {
    if (hangs) return; // accept the connection and never answer
    const answer = await fetch(`${url}/api/prometheus${request.url}`);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => prometheus.once('listening', resolve));
  const port = await freePort();
  const server = spawn(process.execPath, [fileURLToPath(new URL('../server.mjs', import.meta.url))], {
    env: { ...process.env, PORT: String(port), PROMETHEUS_URL: `http://127.0.0.1:${prometheus.address().port}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const page = await (await browser()).newPage();
    page.setDefaultTimeout(PATIENCE);
    await page.goto(`http://127.0.0.1:${port}/d/promc?refresh=5s&from=now-5m`);
    await page.waitForFunction(() => /as of \d\d:\d\d:\d\d/.test(document.querySelector('.asof').textContent) && document.querySelector('[data-panel="Up"]').dataset.state === 'data');
    hangs = true;
    const began = Date.now();
    await page.waitForSelector('.trouble');
    console.log(`# Prometheus hangs: said after ${((Date.now() - began) / 1000).toFixed(1)} s, renewed every 5 s`);
    await reads(page.locator('.trouble'), /Prometheus did not answer within \d+ s\. The data shown is from \d\d:\d\d:\d\d\./);
    assert.match(await page.$eval('[data-panel="Up"]', (e) => getComputedStyle(e).filter), /grayscale/, 'no green figure is left');
    hangs = false;
    await page.waitForSelector('.trouble', { state: 'detached' });
    await page.close();
  } finally {
    server.kill();
    prometheus.closeAllConnections();
    prometheus.close();
  }
});
