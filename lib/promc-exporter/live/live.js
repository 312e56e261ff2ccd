// SPDX-License-Identifier: Apache-2.0
// The page itself: loads the exporter's history, then polls every two seconds; one card per family.

const LINES = 12; // maximum lines in a graph: the largest ones
const POINTS = 900;
const colors = ['#3274d9', '#e0752d', '#299c46', '#a352cc', '#e02f44', '#b58900', '#1f9eb3', '#8a6d3b', '#7a8b99', '#d44a9b', '#5b8c2a', '#6b5bd2'];
const marks = { p50: '#299c46', p95: '#e0752d', p99: '#e02f44' }; // over a heatmap, which is blue
const groups = [['own', 'This program', /./], ['process', 'Process', /^(process|malloc|cgroup|system)_/], ['promc', 'promc itself', /^promc_/]];
const accept = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8';

const $ = (id) => document.getElementById(id);
const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};
const cards = new Map();
const times = []; // of all polls, in seconds; every line of every card has as many values
let previous; // { time, families }
let keep = 600;
let paused = false;
let cursor; // the time under the pointer
let words = [];
let timer;

/** The numbers that a card shows for one time: label text → number. Counters become rates, histograms and summaries quantiles. */
function numbers(card, family, before, seconds) {
  const out = new Map();
  if (family.type === 'histogram') {
    const past = before && total(before);
    const now = total(family);
    const seen = past ? between(past, now) : [];
    if (past) {
      for (const q of [0.5, 0.95, 0.99]) out.set(`p${q * 100}`, quantile(q, seen, now.native));
      out.set('per second', (now.count - (past.count <= now.count ? past.count : 0)) / seconds);
    }
    card.labels = [...family.series.keys()];
    card.columns.push(seen.map(([lower, upper, count]) => [lower, upper, count / seconds]));
    return out;
  }
  for (const [labels, value] of family.series) {
    if (family.type === 'summary') {
      for (const [q, at] of value.quantiles) out.set(`${labels}${labels && ' '}p${+(q * 100).toPrecision(6)}`, at);
      if (!value.quantiles.length) {
        const past = before?.series.get(labels);
        if (past) out.set(`${labels}${labels && ' '}mean`, (value.sum - past.sum) / (value.count - past.count));
      }
    } else if (family.type !== 'counter') out.set(labels, value);
    else if (before) {
      const past = before.series.get(labels) ?? 0;
      out.set(labels, (value >= past ? value - past : value) / seconds);
    }
  }
  return out;
}

const says = { counter: 'per second', histogram: 'all series together: buckets, and quantiles since the last poll', summary: "quantiles of the summary's window" };

function makeCard(family) {
  const info = family.type === 'gauge' && family.name.endsWith('_info');
  const unit = unitOf(family);
  const canvas = make('canvas', { hidden: info || unit === 'age' });
  const rows = make('tbody');
  const pager = make('p', { hidden: true });
  const title = make('h3', {}, family.name);
  const about = make('p', {}, family.help || '(no help text)', ` · ${family.type}${says[family.type] ? `, ${says[family.type]}` : ''}`);
  const element = make('article', { tabIndex: -1 }, title, about, canvas, make('table', {}, rows), pager);
  element.dataset.family = family.name;
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${family.name} over time; the table below has its latest values`);
  const card = {
    element, canvas, rows, pager, info, unit, name: family.name, type: family.type, lines: new Map(), columns: times.map(() => []).slice(1),
    slots: new Map(), page: 0, visible: false, text: `${family.name} ${family.help}`.toLowerCase(), labels: [],
  };
  const group = groups.findLast(([, , pattern]) => pattern.test(family.name))[0];
  const place = $(group) ?? addGroup(group);
  place.querySelector('.cards').append(element);
  new IntersectionObserver(([entry]) => {
    card.visible = entry.isIntersecting;
    if (card.visible) draw(card);
  }, { rootMargin: '150px' }).observe(element);
  canvas.addEventListener('pointermove', (event) => point(timeAt(canvas, event.clientX, ...range())));
  canvas.addEventListener('pointerleave', () => point(undefined));
  return card;
}

function addGroup(id) {
  const at = groups.findIndex(([name]) => name === id);
  const section = make('section', { id }, make('h2', {}, groups[at][1]), make('div', { className: 'cards' }));
  const later = groups.slice(at + 1).map(([name]) => $(name)).find(Boolean);
  $('main').insertBefore(section, later ?? null);
  return section;
}

/** Takes the families of one time: each line of each card gets a value, or null. */
function take(time, families) {
  const seconds = previous ? time - previous.time : 0;
  if (previous && seconds <= 0) return;
  times.push(time);
  for (const family of families.values()) {
    if (!cards.has(family.name)) cards.set(family.name, makeCard(family));
    const card = cards.get(family.name);
    const found = numbers(card, family, previous?.families.get(family.name), seconds);
    for (const label of found.keys()) if (!card.lines.has(label)) card.lines.set(label, new Array(times.length - 1).fill(null));
    for (const [label, values] of card.lines) values.push(found.has(label) ? found.get(label) : null);
  }
  for (const card of cards.values()) {
    for (const values of card.lines.values()) while (values.length < times.length) values.push(null);
    while (card.type === 'histogram' && card.columns.length < times.length) card.columns.push([]);
  }
  previous = { time, families };
  while (times.length > POINTS || times[0] < time - keep) {
    times.shift();
    for (const card of cards.values()) {
      card.columns.shift();
      for (const [label, values] of card.lines) if (values.shift() !== undefined && values.every((value) => value === null)) card.lines.delete(label);
    }
  }
}

const range = () => [Math.max(times[0] ?? 0, (times.at(-1) ?? 0) - keep), Math.max(times.at(-1) ?? 1, (times[0] ?? 0) + 30)];

/** The index in `times` of the time that is shown. */
function moment() {
  if (cursor === undefined) return times.length - 1;
  let best = 0;
  times.forEach((time, i) => Math.abs(time - cursor) < Math.abs(times[best] - cursor) && (best = i));
  return best;
}

/** The lines that are drawn, with their colours, which a line keeps as long as it is shown. */
function shown(card) {
  const missing = words.filter((word) => !card.text.includes(word));
  const last = ([, values]) => values.at(-1) ?? -Infinity;
  // NaN comes first, because it is a problem.
  const order = (a, b) => Number.isNaN(b) - Number.isNaN(a) || (a < b) - (a > b);
  const all = [...card.lines].filter(([label]) => card.type === 'histogram' || missing.every((word) => label.toLowerCase().includes(word)));
  const whole = all.length <= LINES;
  if (!whole) all.sort((a, b) => order(last(a), last(b)));
  card.page = Math.max(0, Math.min(card.page, Math.ceil(all.length / LINES) - 1)); // a counter has no rates at first
  const lines = whole ? all : all.slice(card.page * LINES, (card.page + 1) * LINES);
  const labels = new Set(lines.map(([label]) => label));
  for (const label of card.slots.keys()) if (!labels.has(label)) card.slots.delete(label);
  const taken = new Set(card.slots.values());
  for (const label of labels) if (!card.slots.has(label)) card.slots.set(label, (taken.add(colors.findIndex((_, i) => !taken.has(i))), [...taken].at(-1)));
  lines.sort((a, b) => (card.type === 'histogram' || a[0] === b[0] ? 0 : a[0] < b[0] ? -1 : 1));
  return { all: all.length, lines: lines.map(([label, values]) => ({ label, values, color: (card.type === 'histogram' && marks[label]) || colors[card.slots.get(label)] })) };
}

function fillTable(card, lines) {
  const at = moment();
  const rate = card.type === 'counter';
  const rows = lines.map(({ label, values, color }) => {
    const swatch = make('i');
    swatch.style.background = color;
    const head = make('th', { scope: 'row' }, ...(card.info || label === 'per second' ? [] : [swatch]), label || 'value');
    const value = card.type === 'histogram' && Number.isNaN(values[at]) ? null : values[at]; // a quantile of no observations
    return make('tr', {}, head, make('td', {}, card.info ? '' : label === 'per second' ? format(value, '', true) : format(value, card.unit, rate)));
  });
  card.rows.replaceChildren(...rows);
}

function fillPager(card, all) {
  card.pager.hidden = all <= LINES;
  if (card.pager.hidden) return;
  const pages = Math.ceil(all / LINES);
  const turn = (by) => make('button', { onclick: () => ((card.page = (card.page + by + pages) % pages), draw(card)) }, by < 0 ? '‹ previous' : 'next ›');
  card.pager.replaceChildren(`series ${card.page * LINES + 1} to ${Math.min(all, (card.page + 1) * LINES)} of ${all}, the largest first `, turn(-1), ' ', turn(1));
}

function draw(card) {
  const { all, lines } = shown(card);
  const rate = card.type === 'counter';
  if (!card.canvas.hidden && times.length) {
    const [from, to] = range();
    const show = (value) => format(value, card.unit, rate);
    const base = card.unit === 'bytes' ? 1024 : 10;
    const drawn = lines.filter(({ label }) => card.type !== 'histogram' || label !== 'per second');
    if (card.type === 'histogram') drawHeat(card.canvas, { times, columns: card.columns, lines: drawn, from, to, cursor, show, color: '#3274d9' });
    else drawLines(card.canvas, { times, lines: drawn, from, to, cursor, show, base });
  }
  fillTable(card, lines);
  fillPager(card, all);
}

function drawAll() {
  for (const card of cards.values()) if (card.visible && !card.element.hidden) draw(card);
}

function point(time) {
  cursor = time;
  $('count').textContent = time === undefined ? counted : new Date(times[moment()] * 1000).toLocaleTimeString();
  drawAll();
}

let counted = '';
function filter() {
  words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const card of cards.values()) {
    const missing = words.filter((word) => !card.text.includes(word));
    const labels = card.type === 'histogram' ? card.labels : [...card.lines.keys()];
    const fits = !missing.length || labels.some((label) => missing.every((word) => label.toLowerCase().includes(word)));
    card.element.hidden = !fits;
    count += fits;
  }
  for (const [id] of groups) if ($(id)) $(id).hidden = !$(id).querySelector('article:not([hidden])');
  $('nothing').hidden = count > 0 || !cards.size;
  $('nothing').textContent = `No metric has “${$('search').value.trim()}” in its name, labels or help text.`;
  counted = `${count} of ${cards.size} families`;
  if (cursor === undefined) $('count').textContent = counted;
}

/** Name, version and uptime, from the program's own metrics. */
function introduce(families) {
  const start = families.get('process_start_time_seconds')?.series.get('');
  let version = '';
  for (const { name, series } of families.values()) {
    if (/build_info$/.test(name) && !name.startsWith('promc_')) version ||= /(?:^|, )version="((?:[^"\\]|\\.)*)"/.exec([...series.keys()][0])?.[1]?.replace(/\\(.)/g, '$1') ?? '';
  }
  $('about').textContent = [version, start && `up ${span(Date.now() / 1000 - start)}`].filter(Boolean).join(' · ');
}

async function unzip(bytes) {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}

/** Loads the part of the exporter's history that this page does not have. */
async function history() {
  const response = await fetch('history', { cache: 'no-store' });
  if (!response.ok) return;
  const now = Date.now() / 1000;
  const buffer = await response.arrayBuffer();
  const bytes = new Uint8Array(buffer);
  const line = bytes.indexOf(10);
  const said = JSON.parse(new TextDecoder().decode(bytes.subarray(0, line)));
  $('program').textContent = said.program;
  document.title = `${said.program} · promc`;
  keep = said.seconds;
  const view = new DataView(buffer);
  for (let at = line + 1; at < bytes.length; ) {
    const [age, length] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    const one = bytes.slice(at + 8, at + 8 + length);
    at += 8 + length;
    if (now - age / 1000 > (times.at(-1) ?? 0) + 0.5) take(now - age / 1000, parse(said.gzip ? await unzip(one) : one.buffer));
  }
}

async function poll() {
  const started = performance.now();
  try {
    if (!previous || Date.now() / 1000 - previous.time > 12) await history();
    const response = await fetch('metrics', { headers: { Accept: accept }, cache: 'no-store' });
    if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
    const families = parse(await response.arrayBuffer());
    take(Date.now() / 1000, families);
    introduce(families);
    $('state').textContent = '';
    filter();
    drawAll();
  } catch (error) {
    $('state').textContent = error instanceof TypeError ? 'the program does not answer' : error.message;
  }
  clearTimeout(timer);
  if (!paused && !document.hidden) timer = setTimeout(poll, Math.max(200, $('every').value * 1000 - (performance.now() - started)));
}

function pause() {
  paused = !paused;
  $('pause').textContent = paused ? 'Resume' : 'Pause';
  $('pause').setAttribute('aria-pressed', paused);
  clearTimeout(timer);
  if (!paused) poll();
}

const stored = (value) => {
  try {
    return value === undefined ? localStorage.getItem('promc-theme') : localStorage.setItem('promc-theme', value);
  } catch {
    return null; // a browser without storage
  }
};
function theme(name) {
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  $('theme').textContent = `Theme: ${name}`;
  drawAll();
}
function nextTheme() {
  const names = ['system', 'light', 'dark'];
  const name = names[(names.indexOf(document.documentElement.dataset.theme ?? 'system') + 1) % 3];
  stored(name);
  theme(name);
}

function help() {
  $('help').hidden = !$('help').hidden;
  $('keys').setAttribute('aria-expanded', !$('help').hidden);
}

function focusCard(by) {
  const all = [...document.querySelectorAll('article:not([hidden])')];
  const at = all.indexOf(document.activeElement.closest?.('article'));
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

function step(by) {
  const at = Math.max(0, moment() + by);
  point(at >= times.length ? undefined : times[at]);
}

const keys = {
  '/': () => $('search').focus(), p: pause, t: nextTheme, '?': help, j: () => focusCard(1), k: () => focusCard(-1), ArrowLeft: () => step(-1), ArrowRight: () => step(1),
  n: () => document.activeElement.closest?.('article')?.querySelector('p button:last-child')?.click(),
};
addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    $('search').value = '';
    $('search').blur();
    point(undefined);
    filter();
    drawAll();
  } else if (!event.ctrlKey && !event.metaKey && !event.altKey && !/^(INPUT|SELECT)$/.test(event.target.tagName) && keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});
$('search').addEventListener('input', () => (filter(), drawAll()));
$('every').addEventListener('change', () => paused || poll());
$('pause').addEventListener('click', pause);
$('theme').addEventListener('click', nextTheme);
$('keys').addEventListener('click', help);
addEventListener('resize', drawAll);
document.addEventListener('visibilitychange', () => document.hidden || paused || poll());
theme(stored() ?? 'system');
poll();
