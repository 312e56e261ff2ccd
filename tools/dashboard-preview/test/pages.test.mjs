// Alerts, an incident, logs, targets and rules in a real browser. The alerts are fake responses of Prometheus and Alertmanager; panels, runbook
// and log are real. (tests/test_page.py tests the server with real alerts.)
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, reads, settle, url } from '../support/browser.mjs';
import { axe } from '../support/axe.mjs';

const now = Date.now() / 1000;
const alert = (name, severity, state, ago, more = {}) => ({
  name, severity, component: 'api', state, since: now - ago, fired: now - ago, summary: `summary of ${name}`, description: `what ${name} says`, runbook: '', value: '1', expr: 'up',
  labels: { alertname: name, severity, component: 'api', job: 'ingest-api', instance: 'a:1' }, silencedBy: [], inhibitedBy: [], receivers: [], ...more,
});
const said = {
  alerts: [
    alert('HighErrorRate', 'critical', 'firing', 300),
    alert('HighLatency', 'warning', 'firing', 600, { labels: { alertname: 'HighLatency', severity: 'warning', job: 'ingest-api', route: '/<script>alert(1)</script>' } }),
    alert('LowTraffic', 'warning', 'pending', 60),
    alert('HighAbortRate', 'warning', 'silenced', 60, { silencedBy: ['0b1c2d3e-0000-4000-8000-000000000000'] }),
    alert('EventLoopLag', 'warning', 'inhibited', 60, { inhibitedBy: ['HighErrorRate'] }),
  ],
  silences: [{ id: '0b1c2d3e-0000-4000-8000-000000000000', comment: 'is known', createdBy: 'me', endsAt: new Date(Date.now() + 3600e3).toISOString(), matchers: [{ name: 'alertname', value: 'HighAbortRate', isRegex: false }] }],
  watchdog: true,
  faults: [],
};
const withAlerts = (answer = said) => ({ prepare: (page) => page.route('**/api/alerts', (route) => route.fulfill({ json: answer })) });
const incident = '/d/ingest-api/incident?alert=HighErrorRate&label-job=ingest-api&label-instance=a%3A1';

test('alerts: most severe first, each with its links; silenced and inhibited ones have their own sections', async () => {
  const { page, faults } = await open('/alerts', { ...withAlerts(), until: '[data-alert]' });
  assert.deepEqual(await page.$$eval('section', (all) => all.map((e) => `${e.getAttribute('aria-label')}: ${[...e.querySelectorAll('[data-alert]')].map((a) => a.dataset.alert)}`)), [
    'Firing: HighErrorRate,HighLatency', 'Pending: fires if it lasts: LowTraffic', 'No notification: silenced: HighAbortRate', 'No notification: inhibited by another alert: EventLoopLag', 'Silences: ',
  ]);
  await reads(page.locator('[data-alert=HighErrorRate] .when'), /firing · since \d\d:\d\d:\d\d, \d+ (min|s)/);
  await reads(page.locator('[data-alert=HighLatency] .labels'), /route \/<script>alert\(1\)<\/script>/);
  assert.equal(await page.locator('nav .count').innerText(), '2');
  await page.getByRole('link', { name: 'summary of HighErrorRate' }).click();
  await page.waitForURL(/\/d\/ingest-api\/incident\?alert=HighErrorRate&since=\d{13}&label-job=ingest-api&label-instance=a%3A1/);
  await page.goBack();
  await page.waitForSelector('[data-alert=HighErrorRate]');
  assert.deepEqual(faults, []);
  await page.close();
});

test('nothing fires; a Watchdog that does not fire is a fault', async () => {
  const { page } = await open('/alerts', { ...withAlerts({ ...said, alerts: [], silences: [] }), until: '.quiet' });
  assert.equal(await page.locator('.trouble').count(), 0);
  await page.close();
  const { page: other } = await open('/alerts', { ...withAlerts({ ...said, alerts: [], silences: [], watchdog: false }), until: '.trouble' });
  await reads(other.locator('.trouble'), /Watchdog does not fire.*Alerts may be missing/);
  assert.equal(await other.locator('.quiet').count(), 0);
  await other.close();
});

test('a silence: which alert, how long, why', async () => {
  const { page } = await open('/alerts', { ...withAlerts(), until: '[data-alert]' });
  const asked = page.waitForRequest((request) => request.method() === 'POST');
  await page.route('**/api/silences', (route) => route.fulfill({ json: { id: 'x' } }));
  await page.getByRole('button', { name: 'Silence HighErrorRate…' }).focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.name), 'comment', 'the focus is where one types');
  await page.keyboard.type('is worked on');
  await page.keyboard.press('Enter');
  const sent = (await asked).postDataJSON();
  assert.deepEqual([sent.minutes, sent.comment, sent.labels.alertname, sent.labels.instance], [60, 'is worked on', 'HighErrorRate', 'a:1']);
  await page.close();
});

test('an incident: the alert, panels around its start, the runbook, the log', async () => {
  const { page, faults } = await open(incident, withAlerts());
  await page.waitForSelector('[data-state=firing]');
  await settle(page);
  assert.equal(await page.locator('h1').innerText(), 'summary of HighErrorRate');
  const panels = await page.$$eval('[data-panel]', (all) => all.map((e) => e.dataset.panel));
  assert.ok(panels.includes('Error share by route') && panels.includes('Responses by status') && panels.length >= 4 && panels.length <= 6, panels.join());
  const [from, to] = (await page.getByRole('button', { name: /^Time range/ }).getAttribute('aria-label')).match(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g).map((text) => new Date(text.replace(' ', 'T')) / 1000);
  assert.ok(Math.abs(from - (now - 300 - 1800)) < 2 && to >= now - 1, 'from half an hour before it began');
  const runbook = page.locator('#runbook');
  await reads(runbook, /What it means\s+More than 5 % of the requests/);
  await reads(runbook, /curl -sS http:\/\/127\.0\.0\.1:\d+\/health/);
  assert.match(await runbook.getByRole('link', { name: 'DatabasePoolTimeouts' }).getAttribute('href'), /alert=DatabasePoolTimeouts/);
  await page.waitForFunction(() => document.querySelector('[data-logs]')?.dataset.logs !== 'loading');
  assert.deepEqual(faults, []);
  await page.close();
});

test('an incident: what the service waits for, if its /health says so', async () => {
  const health = (answer) => ({
    prepare: async (page) => {
      await withAlerts().prepare(page);
      await page.route('**/api/service/health', (route) => route.fulfill(answer));
    },
  });
  const why = [{ part: 'store', kind: 'locked', text: 'writes have waited 5.0 s: SQLite is locked by process 4711 (sqlite3)', since: '2026-11-30T03:31:00.000Z' }];
  const { page } = await open(incident, { ...health({ json: { status: 'degraded', why } }), until: '#why li' });
  await reads(page.locator('#why'), /store locked writes have waited 5\.0 s: SQLite is locked by process 4711 \(sqlite3\) since \d\d:31:00/);
  await page.close();
  const { page: gone } = await open(incident, { ...health({ status: 502, json: { error: 'ingest-api at http://127.0.0.1:3000: connect ECONNREFUSED' } }), until: '#why .bad' });
  await reads(gone.locator('#why'), /ingest-api at .*ECONNREFUSED/);
  await gone.close();
});

test('an incident that is over says so, with its range from the link', async () => {
  const from = Date.now() - 600e3;
  const { page } = await open(`${incident}&since=${from}&from=${from - 3600e3}&to=${from + 300e3}`, { ...withAlerts({ ...said, alerts: [] }), until: '[data-state=over]' });
  await reads(page.locator('[data-state=over]'), /not firing now/);
  await page.close();
});

test('logs: found by text and by request id from the URL', async () => {
  const { page, faults } = await open('/logs?from=now-6h', { until: '.log' });
  const id = await page.locator('.log .said a').first().innerText();
  await page.getByRole('searchbox', { name: 'Request id' }).fill(id);
  await page.getByRole('button', { name: 'Find' }).click();
  await page.waitForURL((to) => to.searchParams.get('id') === id);
  await page.waitForFunction((text) => [...document.querySelectorAll('.log')].length && [...document.querySelectorAll('.log')].every((e) => e.innerText.includes(text)), id);
  await page.goBack();
  await page.waitForURL((to) => !to.searchParams.get('id'));
  await page.goto(`${url}/logs?text=no+such+words&from=now-1h`);
  await page.getByText('No matching log lines in this time range.').waitFor();
  assert.deepEqual(faults, []);
  await page.close();
});

test('targets: the sentence above the table claims no more than is known', async () => {
  const target = (health, n) => ({
    labels: { job: 'api', instance: `a:${n}` }, scrapeUrl: `http://a:${n}/metrics`, lastError: '', lastScrape: '0001-01-01T00:00:00Z',
    lastScrapeDuration: 0, scrapeInterval: '5s', health,
  });
  for (const [healths, sentence] of [
    [[], 'Prometheus has no targets.'],
    [['up', 'unknown'], '1 of 2 have not been scraped yet.'],
    [['unknown', 'down', 'up'], '1 of 3 cannot be scraped.'],
    [['up', 'up'], 'All 2 answer.'],
  ]) {
    const answer = { json: { status: 'success', data: { activeTargets: healths.map(target) } } };
    const { page } = await open('/targets', { prepare: (page) => page.route('**/api/v1/targets*', (route) => route.fulfill(answer)), until: '[data-ready=true]' });
    await reads(page.locator('main p').first(), new RegExp(`^${sentence}$`));
    await page.close();
  }
});

test('targets and rules: healthy ones, and the search', async () => {
  const { page, faults } = await open('/targets', { until: '[data-ready=true]' });
  await reads(page.locator('table'), /up\s+ingest-api/);
  await page.getByRole('link', { name: 'Rules' }).click();
  await page.locator('[data-ready=true]').waitFor();
  const all = await page.locator('tbody tr').count();
  assert.ok(all > 100, `${all} rules`);
  await page.getByRole('searchbox', { name: 'Find' }).fill('HighErrorRate');
  await page.waitForFunction((n) => document.querySelectorAll('tbody tr').length < n, all);
  await reads(page.locator('tbody'), /HighErrorRate/);
  assert.deepEqual(faults, []);
  await page.close();
});

test('links of Prometheus and Alertmanager work: /graph draws, /#/alerts is the page of alerts', async () => {
  const { page } = await open('/graph?g0.expr=vector(42)&g0.tab=1');
  await page.waitForFunction(() => document.querySelector('[data-panel]').dataset.state === 'data');
  await reads(page.locator('[data-panel]'), /vector\(42\)\s+42/);
  await page.close();
  const { page: other } = await open('/#/alerts?receiver=slack', { until: '[data-ready=true]' });
  assert.equal(new URL(other.url()).pathname, '/alerts');
  await other.close();
});

test('an exemplar opens the log lines of its request: by a click on its diamond, and by keyboard from a list', async () => {
  const { page, faults } = await open('/d/ingest-api?from=now-15m&refresh=off');
  const panel = page.locator('[data-panel="p95 latency by route"]');
  await panel.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => document.querySelector('[data-panel="p95 latency by route"]').dataset.state === 'data');
  await page.getByRole('button', { name: 'Requests of p95 latency by route' }).focus();
  await page.keyboard.press('Enter');
  const link = panel.locator('.requests a').first();
  const id = await link.innerText();
  await link.focus();
  await page.keyboard.press('Enter');
  await page.waitForURL((to) => to.pathname === '/logs' && to.searchParams.get('id') === id);
  await page.locator('.log', { hasText: id }).first().waitFor();
  await page.goBack();
  await panel.scrollIntoViewIfNeeded();
  await page.waitForFunction(() => document.querySelector('[data-panel="p95 latency by route"]').dataset.state === 'data');
  // The diamonds are drawn on a canvas: search for a place where the pointer becomes a hand, and click there.
  const plot = panel.locator('.u-over');
  let box;
  while (!(box = await plot.boundingBox())) await page.waitForTimeout(50); // null while the graph is drawn again
  const { x, y, width, height } = box;
  let hand = false;
  for (let row = 1; row < height / 5 && !hand; row++) {
    for (let column = 1; column < width / 8 && !hand; column++) {
      await page.mouse.move(x + width - column * 8, y + height - row * 5);
      hand = await plot.evaluate((e) => e.style.cursor === 'pointer');
    }
  }
  assert.ok(hand, 'a diamond is somewhere');
  await page.mouse.down();
  await page.mouse.up();
  await page.waitForURL((to) => to.pathname === '/logs' && to.searchParams.has('id'));
  assert.deepEqual(faults, []);
  await page.close();
});

for (const theme of ['dark', 'light']) {
  test(`axe finds nothing on the pages, ${theme}`, async () => {
    for (const [path, until] of [['/alerts?', '[data-alert]'], [`${incident}&`, '[data-state=firing]'], ['/logs?from=now-6h&', '.log'], ['/targets?', '[data-ready=true]'], ['/rules?', '[data-ready=true]'], ['/graph?expr=up&', '[data-panel]']]) {
      const { page } = await open(`${path}theme=${theme}`, { ...withAlerts(), until });
      await page.waitForFunction(() => [...document.querySelectorAll('[data-panel]')].every((e) => e.dataset.state !== 'loading'));
      const open_ = page.getByRole('button', { name: /^Silence / }).first();
      if (await open_.count()) await open_.click();
      assert.deepEqual(await axe(page), [], path);
      await page.close();
    }
  });
}

test('a narrow screen shows all parts of an incident in one column', async () => {
  const { page } = await open(incident, { ...withAlerts(), width: 420, height: 900 });
  await settle(page, 420);
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 421, 'nothing is wider than the screen');
  await page.close();
});
