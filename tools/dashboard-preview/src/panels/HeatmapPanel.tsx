// Buckets over time. Grafana's heatmap is not part of its component packages, so this one is drawn here, on a canvas.
import { useEffect, useRef } from 'react';
import { formattedValueToString, getValueFormat } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import type { Panel, Range } from '../model';
import type { Series } from '../prometheus';

interface Cells {
  bounds: number[];
  times: number[];
  /** counts[bucket][time], no longer cumulative */
  counts: number[][];
  largest: number;
}

/** Cumulative `le` series to counts per bucket. */
export function cells(series: Series[]): Cells {
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
}

export function HeatmapPanel({ panel, series, width, height, range, step }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme2();
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
    const format = getValueFormat(panel.fieldConfig?.defaults.unit ?? 'short');
    const x = (time: number) => left + ((time - range.from) / (range.to - range.from)) * plot.w;
    const rowHeight = plot.h / Math.max(1, bounds.length);
    context.font = `11px ${theme.typography.fontFamily}`;
    context.fillStyle = theme.colors.text.secondary;
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    const every = Math.max(1, Math.ceil(14 / rowHeight));
    bounds.forEach((bound, i) => {
      if (i % every) return;
      const text = bound === Infinity ? '+Inf' : formattedValueToString(format(bound));
      context.fillText(text, left - 6, 4 + plot.h - (i + 0.5) * rowHeight);
    });
    const cellWidth = Math.max(1, (step / (range.to - range.from)) * plot.w);
    const base = theme.isDark ? [255, 152, 48] : [200, 80, 0];
    counts.forEach((row, i) =>
      row.forEach((count, j) => {
        if (!count) return;
        const strength = 0.12 + 0.88 * Math.sqrt(count / largest);
        context.fillStyle = `rgba(${base.join(',')},${strength})`;
        context.fillRect(x(times[j]!) - cellWidth, 4 + plot.h - (i + 1) * rowHeight, Math.ceil(cellWidth), rowHeight - 0.5);
      }),
    );
    context.fillStyle = theme.colors.text.secondary;
    context.textAlign = 'center';
    const ticks = Math.max(2, Math.floor(plot.w / 110));
    for (let i = 0; i <= ticks; i++) {
      const time = range.from + ((range.to - range.from) * i) / ticks;
      const text = new Date(time * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
      context.fillText(text, Math.min(width - 20, Math.max(left, x(time))), height - bottom / 2);
    }
  }, [panel, series, width, height, range, step, theme]);
  return <canvas ref={canvas} style={{ width, height }} role="img" aria-label={`${panel.title}: heatmap`} />;
}
