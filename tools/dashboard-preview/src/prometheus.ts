// Prometheus' HTTP API, called through the page's server.
import type { Range } from './model';

export type Labels = Record<string, string>;
export interface Series {
  labels: Labels;
  /** [seconds, value]; for a native histogram the value is its count */
  points: Array<[number, number]>;
  /** [seconds, [[upper bound, count] of each bucket that is not empty]]; the bound of the zero bucket, which is from -2^-128 to 2^-128, is 0 */
  natives?: Array<[number, Array<[number, number]>]>;
}
export interface Exemplar {
  labels: Labels;
  series: Labels;
  value: number;
  timestamp: number;
}

/** The longest time that a response may take: the server's own limit, which it writes into the page. */
const LONGEST = Number(document.querySelector<HTMLMetaElement>('meta[name=patience]')?.content) || 10_000;
let patience = LONGEST;
/** Sets the time limit of requests, between 2 s and LONGEST: no longer than the interval between refreshes. */
export function setPatience(milliseconds: number): void {
  patience = Math.min(LONGEST, Math.max(2_000, milliseconds));
}

/** Requests at once. A browser opens six connections to a server; the sixth stays free for useHealth(). */
const AT_ONCE = 5;
let asked = 0;
const waiting: Array<() => void> = [];

/** Waits for a free place before it sends the request, so that the wait does not count as Prometheus' response time. */
async function inTurn<T>(signal: AbortSignal | undefined, ask: () => Promise<T>): Promise<T> {
  if (asked < AT_ONCE) asked++;
  else await new Promise<void>((go) => waiting.push(go));
  try {
    signal?.throwIfAborted();
    return await ask();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else asked--;
  }
}

const get = <T>(path: string, parameters: Record<string, string>, signal?: AbortSignal): Promise<T> =>
  inTurn(signal, () => getNow<T>(path, parameters, signal));

async function getNow<T>(path: string, parameters: Record<string, string>, signal?: AbortSignal): Promise<T> {
  let response: Response;
  let text: string;
  const late = AbortSignal.timeout(patience);
  try {
    response = await fetch(`/api/prometheus/api/v1/${path}?${new URLSearchParams(parameters)}`, {
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Error(late.aborted ? `Prometheus did not answer within ${Math.round(patience / 1000)} s` : 'The server of this page does not answer');
  }
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
  result: Array<{ metric: Labels; value?: [number, string]; values?: Array<[number, string]>; histograms?: Array<[number, Native]> }>;
}

interface Native {
  count: string;
  /** [which bounds are inclusive, lower bound, upper bound, count] */
  buckets?: Array<[number, string, string, string]>;
}

/** A number in Prometheus' JSON. Number() would make NaN of "+Inf". */
const parsed = (text: string): number => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));
const point = ([time, value]: [number, string]): [number, number] => [time, parsed(value)];

/** Prometheus refuses queries for more points of a series than this. */
const POINTS = 11_000;

/** @param wanted seconds between points; there are more if the range is too long for it */
export async function queryRange(expr: string, range: Range, wanted: number, signal?: AbortSignal): Promise<Series[]> {
  const step = Math.max(wanted, Math.ceil((range.to - range.from) / (POINTS - 2)));
  const start = Math.floor(range.from / step) * step;
  const data = await get<Result>(
    'query_range',
    { query: expr, start: String(start), end: String(range.to), step: String(step) },
    signal,
  );
  return data.result.map(({ metric, values, histograms }) =>
    histograms
      ? {
          labels: metric,
          points: histograms.map(([time, { count }]) => point([time, count])),
          natives: histograms.map(([time, { buckets }]) => [time, (buckets ?? []).map(([, lower, upper, n]) => [parsed(lower) === -parsed(upper) ? 0 : parsed(upper), parsed(n)])]),
        }
      : { labels: metric, points: (values ?? []).map(point) },
  );
}

export async function queryInstant(expr: string, time: number, signal?: AbortSignal): Promise<Series[]> {
  return series(await get<Result>('query', { query: expr, time: String(time) }, signal));
}

function series(data: Result): Series[] {
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

/** The time of the newest sample in seconds; 0: there is none. */
export async function newest(): Promise<number> {
  const [found] = series(await getNow<Result>('query', { query: 'max(timestamp(up))', time: String(Date.now() / 1000) }));
  return found?.points[0]?.[1] ?? 0;
}

/** The longest scrape interval of all targets in seconds; rate windows are computed from it. */
export async function scrapeInterval(): Promise<number> {
  type Targets = { activeTargets: Array<{ scrapeInterval?: string }> };
  const { activeTargets } = await get<Targets>('targets', { state: 'active' });
  const seconds = activeTargets.map((target) => duration(target.scrapeInterval ?? '')).filter((s) => s > 0);
  return seconds.length ? Math.max(...seconds) : 15;
}

/** Prometheus' duration text (1m30s) in seconds; 0 if it is invalid. */
export function duration(text: string): number {
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) sum += Number(number) * units[unit!]!;
  return sum;
}
