// SPDX-License-Identifier: Apache-2.0
// Polls /metrics of the program that serves this page and draws every family of it.
import uPlot from 'uplot';
import { bounded, mean, parse, quantile, total } from './exposition.js';

const KEEP = 300; // points of history
const LINES = 12; // lines a graph, the largest ones
const colors = ['#3274d9', '#e0752d', '#299c46', '#a352cc', '#e02f44', '#c7a100', '#1f9eb3', '#8a6d3b', '#7a8b99', '#d44a9b', '#5b8c2a', '#6b5bd2'];

const $ = (id) => document.getElementById(id);
const cards = new Map();
let previous;
let every = 2000;
let timer;

const short = (value) => {
  if (value === null || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1e9) return `${+(value / 1e9).toPrecision(4)} G`;
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(4)} M`;
  if (size >= 1e4) return `${+(value / 1e3).toPrecision(4)} k`;
  return `${+value.toPrecision(4)}`;
};

/** A summary's own quantiles by series. */
function ownQuantiles(family) {
  const out = new Map();
  for (const [labels, { quantiles }] of family.series) {
    for (const [q, value] of quantiles) out.set(`${labels && `${labels} `}p${+(q * 100).toPrecision(6)}`, value);
  }
  return out;
}

/**
 * What is drawn of a family: a rate for counters, quantiles for histograms and summaries (the mean where these have neither buckets
 * nor quantiles in this format), the value itself otherwise.
 */
function values(family, before, seconds) {
  const out = new Map();
  if (family.type === 'histogram' || family.type === 'summary') {
    const own = ownQuantiles(family);
    if (own.size) return own;
    const now = total(family);
    const past = before && total(before);
    if (!past) return out;
    if (!bounded(now)) return out.set('mean', mean(past, now));
    for (const q of [0.5, 0.95, 0.99]) out.set(`p${q * 100}`, quantile(q, past, now));
    return out;
  }
  for (const [labels, value] of family.series) {
    if (family.type !== 'counter') out.set(labels, value);
    else if (before) {
      const past = before.series.get(labels) ?? 0;
      out.set(labels, (value >= past ? value - past : value) / seconds);
    }
  }
  return out;
}

const kind = { counter: 'per second', histogram: 'since the last poll', summary: 'of its own window' };

function card(family) {
  const element = document.createElement('section');
  element.dataset.family = family.name;
  const title = document.createElement('h2');
  title.textContent = family.name;
  const help = document.createElement('p');
  help.textContent = `${family.help || family.type} (${kind[family.type] ?? family.type})`;
  const plot = document.createElement('div');
  element.append(title, help, plot);
  $('cards').append(element);
  const made = { element, plot, name: family.name.toLowerCase(), times: [], lines: new Map(), names: '', visible: false, graph: undefined };
  new IntersectionObserver(([entry]) => {
    made.visible = entry.isIntersecting;
    if (made.visible) draw(made);
  }, { rootMargin: '200px' }).observe(element);
  return made;
}

function remember(it, time, found) {
  it.times.push(time);
  for (const name of found.keys()) if (!it.lines.has(name)) it.lines.set(name, new Array(it.times.length - 1).fill(null));
  for (const [name, line] of it.lines) {
    const value = found.get(name);
    line.push(value === undefined || !Number.isFinite(value) ? null : value);
    if (line.length > KEEP) line.shift();
    if (line.every((v) => v === null)) it.lines.delete(name);
  }
  if (it.times.length > KEEP) it.times.shift();
}

function draw(it) {
  const last = (line) => line.at(-1) ?? -Infinity;
  const lines = [...it.lines].sort((a, b) => last(b[1]) - last(a[1])).slice(0, LINES);
  if (!it.graph?.root.isConnected || lines.some(([name]) => !it.names.has(name)) || lines.length !== it.names.size) {
    lines.sort((a, b) => (a[0] < b[0] ? -1 : 1));
    it.graph?.destroy();
    it.names = new Set(lines.map(([name]) => name));
    it.order = [...it.names];
    const axis = { stroke: getComputedStyle(document.body).color, grid: { stroke: '#8883', width: 1 }, ticks: { show: false }, font: '11px system-ui' };
    it.graph = new uPlot(
      {
        width: it.plot.clientWidth || 400,
        height: 160,
        legend: { live: true },
        cursor: { sync: { key: 'live' } },
        axes: [axis, { ...axis, size: 56, values: (_, ticks) => ticks.map(short) }],
        series: [{}, ...it.order.map((name, i) => ({ label: name || 'value', stroke: colors[i % colors.length], width: 1.5, points: { show: false }, value: (_, v) => short(v ?? NaN) }))],
      },
      [],
      it.plot,
    );
  }
  it.graph.setData([it.times, ...it.order.map((name) => it.lines.get(name) ?? it.times.map(() => null))]);
  if (it.graph.cursor.left < 0) it.graph.setLegend({ idx: it.times.length - 1 });
}

function filter() {
  const words = $('search').value.toLowerCase().split(/\s+/);
  let shown = 0;
  for (const it of cards.values()) {
    const fits = words.every((word) => it.name.includes(word) || [...it.lines.keys()].some((labels) => labels.toLowerCase().includes(word)));
    it.element.hidden = !fits;
    shown += fits;
  }
  $('count').textContent = `${shown} of ${cards.size} families`;
}

function say(text) {
  $('state').textContent = text;
  $('state').className = text ? 'bad' : '';
}

async function poll() {
  const started = performance.now();
  try {
    const response = await fetch('metrics', { headers: { Accept: 'text/plain;version=0.0.4' }, cache: 'no-store' });
    if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
    const families = parse(await response.text());
    const time = Date.now() / 1000;
    const seconds = previous ? time - previous.time : 0;
    for (const family of families.values()) {
      if (!cards.has(family.name)) cards.set(family.name, card(family));
      const it = cards.get(family.name);
      remember(it, time, values(family, previous?.families.get(family.name), seconds));
      if (it.visible && !it.element.hidden) draw(it);
    }
    previous = { time, families };
    say('');
    filter();
  } catch (error) {
    say(error instanceof TypeError ? 'the program does not answer' : error.message);
  }
  clearTimeout(timer);
  if (every) timer = setTimeout(poll, Math.max(200, every - (performance.now() - started)));
}

$('search').addEventListener('input', filter);
$('every').addEventListener('change', (event) => {
  every = Number(event.target.value);
  poll();
});
addEventListener('resize', () => {
  for (const it of cards.values()) it.graph?.setSize({ width: it.plot.clientWidth, height: 160 });
});
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && every && poll());
document.title = `promc: ${location.host}`;
poll();
