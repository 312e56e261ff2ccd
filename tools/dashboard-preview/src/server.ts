// The API of the page's own server: alerts, silences, runbooks, logs.
import { useEffect, useState } from 'preact/hooks';
import type { Labels } from './prometheus';

export interface Alert {
  name: string;
  severity: string;
  component: string;
  state: 'firing' | 'pending' | 'silenced' | 'inhibited';
  /** seconds: when its condition began to hold, and when it began to fire */
  since: number;
  fired: number | null;
  summary: string;
  description: string;
  runbook: string;
  labels: Labels;
  value: string | null;
  silencedBy: string[];
  inhibitedBy: string[];
}

export interface Silence {
  id: string;
  comment: string;
  createdBy: string;
  endsAt: string;
  matchers: Array<{ name: string; value: string; isRegex: boolean; isEqual?: boolean }>;
}

export interface Alerts {
  alerts: Alert[];
  silences: Silence[];
  watchdog: boolean;
  faults: string[];
}

export interface LogLine {
  /** milliseconds */
  time: number;
  level: string;
  id: string;
  text: string;
  source: string;
  fields: Record<string, string>;
  /** with `kinds`: how many lines of this kind there are, and the time of the first */
  count?: number;
  first?: number;
}

export interface LogAnswer {
  lines: LogLine[];
  sources: string[];
  cut: boolean;
  faults: string[];
}

export async function json<T>(path: string, options?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Error('The server of this page does not answer');
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error ?? `${path}: ${response.status}`);
  return body as T;
}

/** Fetches a path every `every` seconds and when `turn` changes. On an error the last value stays, and `trouble` has the message. */
export function usePolled<T>(path: string, every: number, turn = 0): { value?: T; trouble: string; at: number } {
  const [state, setState] = useState<{ value?: T; trouble: string; at: number }>({ trouble: '', at: 0 });
  useEffect(() => setState({ trouble: '', at: 0 }), [path]);
  useEffect(() => {
    if (!path) return undefined;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      try {
        const value = await json<T>(path, { signal: controller.signal });
        setState({ value, trouble: '', at: Date.now() / 1000 });
      } catch (error) {
        if (controller.signal.aborted) return;
        setState((before) => ({ ...before, trouble: (error as Error).message }));
      }
      if (every && !controller.signal.aborted) timer = setTimeout(look, every * 1000);
    };
    look();
    return () => {
      controller.abort();
      clearTimeout(timer);
    };
  }, [path, every, turn]);
  return state;
}

/** Labels that the page shows elsewhere, or that are the same for all alerts. */
const said = new Set(['alertname', 'severity', 'component', 'cluster', 'environment', 'job', 'scope']);
export const telling = (labels: Labels): Array<[string, string]> => Object.entries(labels).filter(([name]) => !said.has(name));

/** A link to the page of an alert. */
export function incidentLink({ name, component, labels, fired, since }: Pick<Alert, 'name' | 'component' | 'labels' | 'fired' | 'since'>): string {
  const parameters = new URLSearchParams({ alert: name });
  const start = fired ?? since;
  if (start) parameters.set('since', String(Math.round(start * 1000)));
  for (const [label, value] of Object.entries(labels)) if (!['alertname', 'severity', 'component', 'cluster', 'environment'].includes(label)) parameters.set(`label-${label}`, value);
  return `/d/${component === 'monitoring' ? 'monitoring-health' : 'ingest-api'}/incident?${parameters}`;
}
