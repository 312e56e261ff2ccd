// Takes the pictures in docs/images: an incident's page and the dashboards. Run by `make pictures` (tests/test_pictures.py), which causes it.
//   PREVIEW_URL    the page of a stack in which ALERT fires
//   SCREENSHOTS    where the pictures go
//   ALERT          the alert to photograph
import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { boards, open, screenshots, settle, url } from '../support/browser.mjs';

const MOST = 300_000; // bytes of a picture; documents are also read on phones
const name = process.env.ALERT;
mkdirSync(screenshots, { recursive: true });

const { alerts } = await (await fetch(`${url}/api/alerts`)).json();
const alert = alerts.find((one) => one.name === name && one.state === 'firing');
const labels = Object.entries(alert.labels).filter(([label]) => ['job', 'instance'].includes(label)).map(([label, value]) => `&label-${label}=${encodeURIComponent(value)}`);
const from = Math.round((alert.since - 150) * 1000);

/** The page as seen without scrolling, after all panels have loaded. Cut off at the bottom while the file is larger than MOST. */
async function picture(page, file, width, height) {
  await settle(page, width);
  const tall = await page.evaluate(() => document.documentElement.scrollHeight);
  const path = join(screenshots, file);
  let size;
  for (let shown = Math.min(height, tall); ; shown -= 100) {
    await page.screenshot({ path, clip: { x: 0, y: 0, width, height: shown } });
    size = statSync(path).size;
    if (size < MOST || shown <= height / 2) break;
  }
  console.log(`# ${file}: ${size} bytes`);
  assert.ok(size < MOST, `${file} has ${size} bytes`);
}

test('the incident page', async () => {
  const { page } = await open(`/d/ingest-api/incident?alert=${name}${labels.join('')}&from=${from}&to=${Date.now()}`, { width: 1440, height: 1000, until: '[data-state=firing]' });
  await page.waitForFunction(() => document.querySelector('[data-logs]')?.dataset.logs > 0 && document.querySelector('#why li'));
  await page.waitForFunction(() => document.querySelectorAll('[data-panel][data-state=data]').length >= 3);
  await picture(page, 'incident.png', 1440, 1000);
  await page.close();
});

for (const { uid } of boards) {
  test(`the board ${uid}`, async () => {
    const { page } = await open(`/d/${uid}?from=${from}&refresh=off`);
    await picture(page, `${uid}.png`, 1600, 1200);
    await page.close();
  });
}
