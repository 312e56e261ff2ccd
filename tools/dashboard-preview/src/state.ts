// The state of the page is in its URL, so that links and Back work.
import { useCallback, useEffect, useState } from 'preact/hooks';
import type { Theme } from './colors';
import type { Choices } from './model';

export interface State {
  uid: string;
  from: string;
  to: string;
  refresh: string;
  theme: Theme;
  choices: Choices;
  /** the panel that fills the screen; 0: none */
  panel: number;
  /** the alert that the page shows; undefined: a board */
  incident?: Incident;
}

/** An alert in the links of messages: /d/BOARD/incident?alert=NAME&since=MS&label-NAME=VALUE. In Grafana the same link opens the board: it takes
 * "incident" for the board's title and ignores parameters that it does not know. */
export interface Incident {
  alert: string;
  /** milliseconds; 0: not known */
  since: number;
  labels: Record<string, string>;
}

function incidentOf(parameters: URLSearchParams): Incident | undefined {
  const alert = parameters.get('alert');
  if (!alert || location.pathname.split('/')[3] !== 'incident') return undefined;
  const labels = [...parameters].filter(([name]) => name.startsWith('label-')).map(([name, value]) => [name.slice(6), value]);
  return { alert, since: Number(parameters.get('since')) || 0, labels: Object.fromEntries(labels) };
}

export function fromUrl(): State {
  const parameters = new URLSearchParams(location.search);
  const choices: Choices = {};
  for (const [name, value] of parameters) if (name.startsWith('var-') && value) (choices[name.slice(4)] ??= []).push(value);
  return {
    uid: location.pathname.startsWith('/d/') ? decodeURIComponent(location.pathname.slice(3)).split('/')[0]! : '',
    from: parameters.get('from') ?? '',
    to: parameters.get('to') ?? 'now',
    refresh: parameters.get('refresh') ?? '',
    theme: parameters.get('theme') === 'light' ? 'light' : 'dark',
    choices,
    panel: Number(parameters.get('viewPanel')) || 0,
    incident: incidentOf(parameters),
  };
}

export function toUrl(state: State): string {
  const parameters = new URLSearchParams();
  if (state.from) parameters.set('from', state.from);
  if (state.to !== 'now') parameters.set('to', state.to);
  if (state.refresh) parameters.set('refresh', state.refresh);
  if (state.theme === 'light') parameters.set('theme', 'light');
  if (state.panel) parameters.set('viewPanel', String(state.panel));
  for (const [name, values] of Object.entries(state.choices)) for (const value of values) parameters.append(`var-${name}`, value);
  if (state.incident) {
    parameters.set('alert', state.incident.alert);
    if (state.incident.since) parameters.set('since', String(state.incident.since));
    for (const [name, value] of Object.entries(state.incident.labels)) parameters.set(`label-${name}`, value);
  }
  const query = parameters.toString();
  return `/d/${encodeURIComponent(state.uid)}${state.incident ? '/incident' : ''}${query ? `?${query}` : ''}`;
}

/** @return the state, and a function that changes it. Back undoes each change. */
export function useAddress(): [State, (part: Partial<State>) => void] {
  const [state, setState] = useState<State>(fromUrl);
  useEffect(() => {
    const back = () => setState(fromUrl());
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, []);
  const change = useCallback((part: Partial<State>) => {
    const before = fromUrl();
    const next = { ...before, ...part };
    const url = toUrl(next);
    if (!before.uid) history.replaceState(null, '', url); // the default board was chosen for the user: not a step for Back
    else if (url !== location.pathname + location.search) history.pushState(null, '', url);
    setState(next);
  }, []);
  return [state, change];
}
