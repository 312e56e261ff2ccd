// Converts Prometheus' responses to what panels draw.
import { seriesColors, type Theme } from './colors';
import type { Panel, Target } from './model';
import type { Labels, Series } from './prometheus';

/** Fills in a format such as "{{route}} p95"; without a format the name has all labels. */
export function legend(format: string | undefined, labels: Labels, expr: string): string {
  if (format && format !== '__auto') return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => labels[name] ?? '').trim();
  const pairs = Object.entries(labels).filter(([name]) => name !== '__name__');
  if (!pairs.length) return labels.__name__ ?? expr;
  return `${labels.__name__ ?? ''}{${pairs.map(([name, value]) => `${name}="${value}"`).join(', ')}}`;
}

export interface Line {
  name: string;
  color: string;
  /** aligned with Lines.times; null where there is no data */
  values: Array<number | null>;
}

export interface Lines {
  /** seconds, ascending */
  times: number[];
  lines: Line[];
}

/** All series on one time axis. NaN (0/0: no traffic) and missing points become gaps.
 * @param step seconds between points: a time at which no series has a point is a gap too. Without it such a time is left out. */
export function lines(panel: Panel, answers: Array<[Target, Series[]]>, theme: Theme, step = Infinity): Lines {
  const all = answers.flatMap(([target, series]) => series.map(({ labels, points }) => ({ name: legend(target.legendFormat, labels, target.expr), points })));
  const known = [...new Set(all.flatMap(({ points }) => points.map(([time]) => time)))].sort((a, b) => a - b);
  const times = known.flatMap((time, i) => (known[i + 1]! - time > 1.5 * step ? [time, time + step] : [time]));
  const at = new Map(times.map((time, i) => [time, i]));
  const colors = seriesColors(panel, all.map(({ name }) => name), theme);
  return {
    times,
    lines: all.map(({ name, points }) => {
      const values: Array<number | null> = Array(times.length).fill(null);
      for (const [time, value] of points) values[at.get(time)!] = Number.isFinite(value) ? value : null;
      return { name, color: colors.get(name)!, values };
    }),
  };
}

export const last = (values: Array<number | null>): number | null => values.findLast((value) => value !== null) ?? null;
export const most = (values: Array<number | null>): number | null => values.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);

export interface Single {
  name: string;
  value: number | null;
}

/** The last value of each series. */
export const singles = (answers: Array<[Target, Series[]]>): Single[] =>
  answers.flatMap(([target, series]) =>
    series.map(({ labels, points }) => ({
      name: legend(target.legendFormat, labels, target.expr),
      value: points.findLast(([, value]) => Number.isFinite(value))?.[1] ?? null,
    })),
  );

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** A row for each time and a column for each series; for instant queries a row for each series. */
export function csv(panel: Panel, answers: Array<[Target, Series[]]>): string {
  if (answers.every(([target]) => target.instant)) {
    const names = [...new Set(answers.flatMap(([, series]) => series.flatMap(({ labels }) => Object.keys(labels))))].filter((name) => name !== '__name__');
    const rows = answers.flatMap(([target, series]) =>
      series.map(({ labels, points }) => [target.refId, ...names.map((name) => labels[name] ?? ''), String(points.at(-1)?.[1] ?? '')]),
    );
    return [['query', ...names, 'value'], ...rows].map((row) => row.map(quoted).join(',')).join('\n') + '\n';
  }
  const { times, lines: all } = lines(panel, answers, 'dark');
  const rows = times.map((time, i) => [new Date(time * 1000).toISOString(), ...all.map(({ values }) => String(values[i] ?? ''))]);
  return [['time', ...all.map(({ name }) => name)], ...rows].map((row) => row.map(quoted).join(',')).join('\n') + '\n';
}
