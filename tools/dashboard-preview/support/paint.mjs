// Measures first paint, largest paint and bytes of script of a page.
//   PREVIEW_URL  a running page        RUNS  5, of which the median is printed         PAGES  paths, separated by spaces
// Each run has a new browser profile: nothing is cached. The figures are valid on an idle machine only, so the idle share of the CPUs during the
// measurement and the load average are printed with them.
import { cpus, loadavg } from 'node:os';
import { chromium } from 'playwright-core';

const url = process.env.PREVIEW_URL ?? 'http://127.0.0.1:3001';
const runs = Number(process.env.RUNS ?? 5);
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const boards = (await (await fetch(`${url}/api/dashboards`)).json()).map(({ uid }) => `/d/${uid}`);
const pages = process.env.PAGES?.split(' ') ?? [...boards, '/alerts', '/logs', '/targets', '/rules'];

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const ticks = () => cpus().reduce((sum, { times }) => ({ idle: sum.idle + times.idle, all: sum.all + Object.values(times).reduce((a, b) => a + b) }), { idle: 0, all: 0 });

async function once(browser, path) {
  const page = await (await browser.newContext({ viewport: { width: 1600, height: 1000 } })).newPage();
  await page.addInitScript(() => {
    new PerformanceObserver((list) => (window.largest = list.getEntries().at(-1).startTime)).observe({ type: 'largest-contentful-paint', buffered: true });
  });
  const before = ticks();
  await page.goto(url + path);
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length, null, { polling: 50 });
  await page.waitForFunction(() => {
    const panels = [...document.querySelectorAll('[data-panel]')].filter((e) => e.getBoundingClientRect().top < innerHeight);
    return location.pathname.startsWith('/d/') ? panels.length && panels.every((e) => e.dataset.state !== 'loading') : document.querySelector('main');
  }, null, { polling: 50 });
  const found = await page.evaluate(() => ({
    first: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    largest: window.largest ?? NaN,
    filled: performance.now(),
    script: performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js')).reduce((sum, e) => sum + e.decodedBodySize, 0),
  }));
  const after = ticks();
  await page.context().close();
  return { ...found, idle: (after.idle - before.idle) / (after.all - before.all) };
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
await once(browser, pages[0]); // the browser itself starts
console.log(`# ${url}, median of ${runs}; load average ${loadavg().map((x) => x.toFixed(2)).join(' ')} on ${cpus().length} CPUs`);
console.log('page                        first paint  largest paint  panels filled  script     CPU idle');
for (const path of pages) {
  const all = [];
  for (let i = 0; i < runs; i++) all.push(await once(browser, path));
  const of = (name) => median(all.map((one) => one[name]));
  const ms = (name) => `${Math.round(of(name))} ms`;
  console.log(`${path.padEnd(27)} ${ms('first').padEnd(12)} ${ms('largest').padEnd(14)} ${ms('filled').padEnd(14)} ${String(of('script')).padEnd(10)} ${Math.round(of('idle') * 100)} %`);
}
await browser.close();
