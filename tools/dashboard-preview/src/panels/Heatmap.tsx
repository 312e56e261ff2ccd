// Buckets over time, on a canvas.
import { useEffect, useRef } from 'preact/hooks';
import { axisPlaces, axisTimes } from '../clock';
import type { Theme } from '../colors';
import type { Panel, Range } from '../model';
import type { Series } from '../prometheus';
import { format } from '../units';

interface Cells {
  bounds: number[];
  times: number[];
  /** counts[bucket][time], no longer cumulative */
  counts: number[][];
  largest: number;
}

const ROWS = 2; // for each power of two: native buckets are finer than can be seen

/** The upper bound of the row that a native bucket is in. */
const rowOf = (upper: number): number => (upper > 0 ? 2 ** (Math.ceil(Math.log2(upper) * ROWS - 1e-9) / ROWS) : 0);

/** Native histograms to counts per row, with the empty rows in between. */
function nativeCells(natives: NonNullable<Series['natives']>): Cells {
  const found = natives.map(([, buckets]) => {
    const rows = new Map<number, number>();
    for (const [upper, count] of buckets) rows.set(rowOf(upper), (rows.get(rowOf(upper)) ?? 0) + count);
    return rows;
  });
  const all = [...new Set(found.flatMap((rows) => [...rows.keys()]))].sort((a, b) => a - b);
  const finite = all.filter((bound) => bound > 0 && bound < Infinity);
  const between = finite.length ? Array.from({ length: Math.round(Math.log2(finite.at(-1)! / finite[0]!) * ROWS) + 1 }, (_, i) => rowOf(finite[0]! * 2 ** (i / ROWS))) : [];
  const bounds = [...all.filter((bound) => bound === 0), ...between, ...all.filter((bound) => bound === Infinity)];
  const counts = bounds.map((bound) => found.map((rows) => rows.get(bound) ?? 0));
  return { bounds, times: natives.map(([time]) => time), counts, largest: Math.max(0, ...counts.flat()) };
}

/** Cumulative `le` series, or a native histogram, to counts per bucket. */
export function cells(series: Series[]): Cells {
  const natives = series.find((one) => one.natives)?.natives;
  if (natives) return nativeCells(natives);
  const sorted = series
    .filter((one) => one.labels.le !== undefined)
    .map((one) => ({ bound: one.labels.le === '+Inf' ? Infinity : Number(one.labels.le), points: new Map(one.points) }))
    .sort((a, b) => a.bound - b.bound);
  const times = [...new Set(sorted.flatMap((one) => [...one.points.keys()]))].sort((a, b) => a - b);
  let largest = 0;
  const counts = sorted.map((one, i) =>
    times.map((time) => {
      const below = i > 0 ? (sorted[i - 1]!.points.get(time) ?? 0) : 0;
      const count = Math.max(0, (one.points.get(time) ?? 0) - below);
      largest = Math.max(largest, count);
      return count;
    }),
  );
  return { bounds: sorted.map((one) => one.bound), times, counts, largest };
}

interface Props {
  panel: Panel;
  series: Series[];
  width: number;
  height: number;
  range: Range;
  step: number;
  theme: Theme;
}

export function HeatmapPanel({ panel, series, width, height, range, step, theme }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context) return;
    const ratio = window.devicePixelRatio || 1;
    element.width = width * ratio;
    element.height = height * ratio;
    context.scale(ratio, ratio);
    context.clearRect(0, 0, width, height);
    const { bounds, times, counts, largest } = cells(series);
    const left = 52;
    const bottom = 22;
    const plot = { w: width - left - 8, h: height - bottom - 4 };
    const x = (time: number) => left + ((time - range.from) / (range.to - range.from)) * plot.w;
    const rowHeight = plot.h / Math.max(1, bounds.length);
    context.font = '11px Inter, system-ui, sans-serif';
    context.fillStyle = theme === 'dark' ? '#a5abb4' : '#57606a';
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    const every = Math.max(1, Math.ceil(14 / rowHeight));
    bounds.forEach((bound, i) => {
      if (i % every) return;
      context.fillText(format(bound, panel.fieldConfig?.defaults.unit), left - 6, 4 + plot.h - (i + 0.5) * rowHeight);
    });
    context.textAlign = 'center';
    const wanted = ((range.to - range.from) * 90) / plot.w;
    const between = [1, 5, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400].find((n) => n >= wanted) ?? 604800;
    const spots = axisPlaces(range.from, range.to, between);
    axisTimes(spots, between).forEach((text, i) => context.fillText(text, Math.min(width - 24, Math.max(left + 12, x(spots[i]!))), height - bottom / 2));
    const cellWidth = Math.max(1, (step / (range.to - range.from)) * plot.w);
    const base = theme === 'dark' ? [255, 152, 48] : [200, 80, 0];
    counts.forEach((row, i) =>
      row.forEach((count, j) => {
        if (!count) return;
        context.fillStyle = `rgba(${base.join(',')},${0.12 + 0.88 * Math.sqrt(count / largest)})`;
        const from = Math.max(left, x(times[j]!) - cellWidth);
        context.fillRect(from, 4 + plot.h - (i + 1) * rowHeight, Math.ceil(x(times[j]!) - from), rowHeight - 0.5);
      }),
    );
  }, [panel, series, width, height, range, step, theme]);
  return <canvas ref={canvas} style={{ width, height }} role="img" aria-label={`${panel.title}: heatmap`} />;
}
