// SPDX-License-Identifier: Apache-2.0
// Draws on a canvas: lines over time, or a heatmap of buckets with lines over it.

const HEIGHT = 150;
const LEFT = 58;
const BOTTOM = 16;
const TOP = 6;

/** Up to `count` round numbers from low to high. */
function ticks(low, high, count, base) {
  const rough = (high - low) / count;
  const size = base === 1024 && rough >= 1 ? 2 ** Math.ceil(Math.log2(rough)) : [1, 2, 5, 10].map((n) => n * 10 ** Math.floor(Math.log10(rough))).find((n) => n >= rough * 0.999);
  const out = [];
  for (let at = Math.ceil(low / size) * size; at <= high + size * 1e-6; at += size) out.push(Math.abs(at) < size * 1e-6 ? 0 : at);
  return out;
}

/** Fit the canvas to its place and to the screen's resolution. */
function prepare(canvas) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth || 400;
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  const ink = canvas.getContext('2d');
  ink.scale(scale, scale);
  ink.font = '11px system-ui, sans-serif';
  const style = getComputedStyle(canvas);
  return { ink, width, text: style.color, grid: style.getPropertyValue('--grid') };
}

function timeAxis({ ink, width, text }, from, to) {
  const x = (time) => LEFT + ((time - from) / (to - from)) * (width - LEFT - 6);
  ink.fillStyle = text;
  ink.textAlign = 'center';
  const every = [15, 30, 60, 120, 300, 600, 1200].find((s) => (to - from) / s <= Math.max(2, width / 110)) ?? 1800;
  for (let at = Math.ceil(from / every) * every; at <= to; at += every) {
    const label = new Date(at * 1000).toTimeString().slice(0, every < 60 ? 8 : 5);
    if (x(at) > LEFT + 16 && x(at) < width - 20) ink.fillText(label, x(at), HEIGHT - 3);
  }
  return x;
}

function valueTick({ ink, width, text, grid }, y, label) {
  ink.fillStyle = grid;
  ink.fillRect(LEFT, Math.round(y), width - LEFT - 6, 1);
  ink.fillStyle = text;
  ink.textAlign = 'right';
  ink.fillText(label, LEFT - 5, Math.min(HEIGHT - BOTTOM, Math.max(TOP + 6, y + 4)));
}

function strokes(ink, times, lines, x, y) {
  ink.lineWidth = 1.5;
  ink.lineJoin = 'round';
  for (const { color, values } of lines) {
    ink.strokeStyle = ink.fillStyle = color;
    ink.beginPath();
    let drawing = false;
    values.forEach((value, i) => {
      const place = Number.isFinite(value) ? y(value) : NaN;
      if (Number.isNaN(place)) drawing = false;
      else {
        if (drawing) ink.lineTo(x(times[i]), place);
        else ink.moveTo(x(times[i]), place);
        if (!drawing && !Number.isFinite(values[i + 1])) ink.fillRect(x(times[i]) - 1, place - 1, 3, 3);
        drawing = true;
      }
    });
    ink.stroke();
  }
}

function cursorLine(surface, x, at, from) {
  if (at === undefined || at < from) return;
  surface.ink.fillStyle = surface.text;
  surface.ink.globalAlpha = 0.5;
  surface.ink.fillRect(Math.round(x(at)), TOP, 1, HEIGHT - TOP - BOTTOM);
  surface.ink.globalAlpha = 1;
}

/** The time under a pointer. */
export function timeAt(canvas, clientX, from, to) {
  const box = canvas.getBoundingClientRect();
  return from + ((clientX - box.left - LEFT) / (box.width - LEFT - 6)) * (to - from);
}

/** lines: [{ color, values }], as many values as times; a value that is not finite is a gap. */
export function drawLines(canvas, { times, lines, from, to, cursor, show, base }) {
  const surface = prepare(canvas);
  let [low, high] = [0, 0];
  for (const { values } of lines)
    for (const value of values)
      if (Number.isFinite(value)) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
  if (high === low) high = low + 1;
  const y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - BOTTOM - TOP);
  for (const at of ticks(low, high, 4, base)) valueTick(surface, y(at), show(at));
  const x = timeAxis(surface, from, to);
  strokes(surface.ink, times, lines, x, y);
  cursorLine(surface, x, cursor, from);
}

const ROWS = 36; // of a heatmap: if there are more buckets, neighbours share a row

/** columns: for each time the buckets [[lower, upper, rate], …] since the time before. All rows have the same height. */
export function drawHeat(canvas, { times, columns, lines, from, to, cursor, show, color }) {
  const surface = prepare(canvas);
  const { ink } = surface;
  const edges = [...new Set(columns.flatMap((column) => column?.flatMap(([lower, upper]) => [lower, upper]) ?? []))].sort((a, b) => a - b);
  if (edges.length < 2) edges.splice(0, 2, 0, 1);
  const step = Math.ceil((edges.length - 1) / ROWS);
  const rows = Math.ceil((edges.length - 1) / step);
  const rowOf = new Map(edges.map((edge, i) => [edge, i / step]));
  const row = (place) => HEIGHT - BOTTOM - (place / rows) * (HEIGHT - BOTTOM - TOP);
  const x = timeAxis(surface, from, to);
  const cells = columns.map((column) => {
    const counts = new Array(rows).fill(0);
    for (const [, upper, count] of column ?? []) counts[Math.max(0, Math.ceil(rowOf.get(upper)) - 1)] += count;
    return counts;
  });
  const most = Math.max(1e-9, ...cells.flat());
  ink.fillStyle = color;
  cells.forEach((counts, i) => {
    if (i === 0) return;
    const [left, right] = [Math.max(LEFT, x(times[i - 1])), x(times[i])];
    counts.forEach((count, r) => {
      if (count <= 0 || right <= left) return;
      ink.globalAlpha = 0.12 + 0.78 * (Math.log1p(count) / Math.log1p(most));
      ink.fillRect(left, row(r + 1), right - left, row(r) - row(r + 1));
    });
  });
  ink.globalAlpha = 1;
  const y = (value) => {
    const i = edges.findIndex((edge) => edge >= value);
    if (i < 0) return row(rows);
    if (i === 0) return row(0);
    const [a, b] = [edges[i - 1], edges[i]];
    const part = Number.isFinite(a) && Number.isFinite(b) ? (value - a) / (b - a) : 1;
    return row((i - 1 + part) / step);
  };
  const marked = new Set([0, 1, 2, 3, 4].map((k) => Math.round(((edges.length - 1) * k) / 4)));
  for (const i of marked) valueTick(surface, row(rowOf.get(edges[i])), show(edges[i]));
  strokes(ink, times, lines, x, y);
  cursorLine(surface, x, cursor, from);
}
