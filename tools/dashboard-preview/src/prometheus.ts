// Prometheus' HTTP API, through the page's own server.
import type { Range } from './model';

export type Labels = Record<string, string>;
export interface Series {
  labels: Labels;
  /** seconds, value */
  points: Array<[number, number]>;
}
export interface Exemplar {
  labels: Labels;
  series: Labels;
  value: number;
  timestamp: number;
}

async function get<T>(path: string, parameters: Record<string, string>, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/prometheus/api/v1/${path}?${new URLSearchParams(parameters)}`, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error('The preview server does not answer');
  }
  const text = await response.text();
  let body: { status?: string; data?: T; error?: string };
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`Prometheus answered ${response.status}: ${text.slice(0, 200)}`);
  }
  if (body.status !== 'success') throw new Error(body.error ?? `Prometheus answered ${response.status}`);
  return body.data as T;
}

interface Result {
  resultType: string;
  result: Array<{ metric: Labels; value?: [number, string]; values?: Array<[number, string]> }>;
}

const point = ([time, value]: [number, string]): [number, number] => [
  time,
  value === '+Inf' ? Infinity : value === '-Inf' ? -Infinity : Number(value),
];

export async function queryRange(expr: string, range: Range, step: number, signal?: AbortSignal): Promise<Series[]> {
  const start = Math.floor(range.from / step) * step;
  const data = await get<Result>(
    'query_range',
    { query: expr, start: String(start), end: String(range.to), step: String(step) },
    signal,
  );
  return data.result.map((series) => ({ labels: series.metric, points: (series.values ?? []).map(point) }));
}

export async function queryInstant(expr: string, time: number, signal?: AbortSignal): Promise<Series[]> {
  const data = await get<Result>('query', { query: expr, time: String(time) }, signal);
  if (data.resultType === 'scalar') {
    return [{ labels: {}, points: [point(data.result as unknown as [number, string])] }];
  }
  return data.result.map((series) => ({ labels: series.metric, points: series.value ? [point(series.value)] : [] }));
}

export async function queryExemplars(expr: string, range: Range, signal?: AbortSignal): Promise<Exemplar[]> {
  type Answer = Array<{ seriesLabels: Labels; exemplars: Array<{ labels: Labels; value: string; timestamp: number }> }>;
  const data = await get<Answer>(
    'query_exemplars',
    { query: expr, start: String(range.from), end: String(range.to) },
    signal,
  );
  return data.flatMap((series) =>
    series.exemplars.map((e) => ({ labels: e.labels, series: series.seriesLabels, value: Number(e.value), timestamp: e.timestamp })),
  );
}

export async function labelValues(label: string, match: string | undefined, range: Range): Promise<string[]> {
  const parameters: Record<string, string> = { start: String(range.from), end: String(range.to) };
  if (match) parameters['match[]'] = match;
  return get<string[]>(`label/${encodeURIComponent(label)}/values`, parameters);
}

/** The shortest scrape interval of any target, in seconds: what a rate window is computed from. */
export async function scrapeInterval(): Promise<number> {
  type Targets = { activeTargets: Array<{ scrapeInterval?: string }> };
  const { activeTargets } = await get<Targets>('targets', { state: 'active' });
  const seconds = activeTargets.map((target) => duration(target.scrapeInterval ?? '')).filter((s) => s > 0);
  return seconds.length ? Math.max(...seconds) : 15;
}

/** Prometheus' duration text (1m30s) in seconds; 0 when it is none. */
export function duration(text: string): number {
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) sum += Number(number) * units[unit!]!;
  return sum;
}
