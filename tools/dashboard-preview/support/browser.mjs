// A real browser and common helpers for the tests.
//   PREVIEW_URL, SCREENSHOTS, QUIET_PANELS, CHROMIUM: see test/boards.test.mjs
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { chromium } from 'playwright-core';

export const url = process.env.PREVIEW_URL;
export const screenshots = process.env.SCREENSHOTS;
export const quiet = new Set((process.env.QUIET_PANELS ?? '').split('|').filter(Boolean));
export const PATIENCE = 180_000; // ms before a test fails for being slow
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

if (!url) throw new Error('PREVIEW_URL is not set: run tests/test_dashboards.py');

let launched;
export const browser = () => (launched ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags, timeout: PATIENCE }));
after(async () => (await launched)?.close());

export const boards = await (await fetch(`${url}/api/dashboards`)).json();

/** Opens a page and collects its errors. @param until a selector that exists when it is loaded */
export async function open(path, { width = 1600, height = 1000, prepare, until = '[data-panel]' } = {}) {
  const page = await (await browser()).newPage({ viewport: { width, height } });
  page.setDefaultTimeout(PATIENCE);
  const faults = [];
  page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && faults.push(`console: ${message.text()}`));
  if (prepare) await prepare(page);
  await page.goto(`${url}${path}`);
  await page.waitForSelector(until, { timeout: PATIENCE }).catch(async (error) => {
    throw new Error(`${error.message}\non the page: ${await page.evaluate(() => document.body.innerText)}\nfaults: ${faults.join('; ')}`);
  });
  return { page, faults };
}

/** Panels load when they come into view: make the window as tall as the board, then wait for all panels. */
export async function settle(page, width = 1600) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: height + 50 });
  await page.waitForFunction(() => {
    const panels = [...document.querySelectorAll('[data-panel]')];
    return panels.length && panels.every((e) => e.dataset.state !== 'loading');
  }, null, { timeout: PATIENCE });
  await page.waitForTimeout(300);
}

/** Waits until the text of an element matches: data arrives later than its frame. */
export async function reads(locator, pattern) {
  for (const end = Date.now() + PATIENCE; ; await setTimeout(50)) {
    const text = await locator.first().innerText();
    if (pattern.test(text)) return;
    if (Date.now() > end) assert.match(text, pattern);
  }
}

export const states = (page) => page.$$eval('[data-panel]', (all) => all.map((e) => ({ title: e.dataset.panel, state: e.dataset.state, text: e.innerText, drawn: !!e.querySelector('canvas, svg, table, [role=table], span, div') })));
