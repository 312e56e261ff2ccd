// The page: a board, its variables, the time range, dark and light. All state that matters is in the URL.
import { useCallback, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, ThemeContext } from '@grafana/data';
import { Alert, Button, Combobox, GlobalStyles, MultiCombobox, RefreshPicker } from '@grafana/ui';
import 'uplot/dist/uPlot.min.css';
import './page.css';
import { Board } from './Board';
import type { Choices, Dashboard, Range } from './model';
import { duration, scrapeInterval } from './prometheus';
import { chosable, options, seconds } from './variables';

const ranges = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '24h', '2d', '7d', '30d'];

interface State {
  uid: string;
  from: string;
  to: string;
  refresh: string;
  theme: 'dark' | 'light';
  choices: Choices;
}

function fromUrl(): State {
  const parameters = new URLSearchParams(location.search);
  const choices: Choices = {};
  for (const [name, value] of parameters) {
    if (name.startsWith('var-') && value) (choices[name.slice(4)] ??= []).push(value);
  }
  return {
    uid: location.pathname.startsWith('/d/') ? decodeURIComponent(location.pathname.slice(3)) : '',
    from: parameters.get('from') ?? '',
    to: parameters.get('to') ?? 'now',
    refresh: parameters.get('refresh') ?? '',
    theme: parameters.get('theme') === 'light' ? 'light' : 'dark',
    choices,
  };
}

function toUrl(state: State): string {
  const parameters = new URLSearchParams();
  if (state.from) parameters.set('from', state.from);
  if (state.to !== 'now') parameters.set('to', state.to);
  if (state.refresh) parameters.set('refresh', state.refresh);
  if (state.theme === 'light') parameters.set('theme', 'light');
  for (const [name, values] of Object.entries(state.choices)) for (const value of values) parameters.append(`var-${name}`, value);
  const query = parameters.toString();
  return `/d/${encodeURIComponent(state.uid)}${query ? `?${query}` : ''}`;
}

async function json<T>(path: string): Promise<T> {
  const response = await fetch(path);
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `${path}: ${response.status}`);
  return body as T;
}

function Page() {
  const [state, setState] = useState<State>(fromUrl);
  const [boards, setBoards] = useState<Array<{ uid: string; title: string }>>([]);
  const [board, setBoard] = useState<Dashboard>();
  const [lists, setLists] = useState<Record<string, string[]>>({});
  const [scrape, setScrape] = useState(15);
  const [trouble, setTrouble] = useState<string>();
  const [turn, setTurn] = useState(0);
  const change = useCallback((part: Partial<State>) => setState((before) => ({ ...before, ...part })), []);
  const theme = useMemo(() => createTheme({ colors: { mode: state.theme } }), [state.theme]);

  useEffect(() => {
    json<Array<{ uid: string; title: string }>>('/api/dashboards')
      .then((found) => {
        setBoards(found);
        if (!state.uid && found.length) change({ uid: (found.find((b) => b.uid === 'ingest-api') ?? found[0]!).uid });
      })
      .catch((error: Error) => setTrouble(error.message));
    const back = () => setState(fromUrl());
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, []);

  useEffect(() => {
    if (!state.uid) return;
    json<Dashboard>(`/api/dashboards/${encodeURIComponent(state.uid)}`)
      .then((found) => {
        setBoard(found);
        document.title = found.title;
        setTrouble(undefined);
      })
      .catch((error: Error) => setTrouble(error.message));
  }, [state.uid]);

  useEffect(() => {
    if (!state.uid) return;
    const url = toUrl(state);
    if (url !== location.pathname + location.search) history.replaceState(null, '', url);
  }, [state]);

  const from = state.from || board?.time?.from || 'now-1h';
  const refresh = state.refresh || board?.refresh || '30s';
  const range = useMemo<Range>(() => {
    const now = Date.now() / 1000;
    return { from: seconds(from, now), to: seconds(state.to, now) };
  }, [from, state.to, turn, state.uid]);

  useEffect(() => {
    const every = refresh === 'off' ? 0 : duration(refresh);
    if (!every) return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && setTurn((t) => t + 1), every * 1000);
    return () => clearInterval(timer);
  }, [refresh]);

  useEffect(() => {
    if (!board) return;
    Promise.all([options(board, state.choices, range), scrapeInterval()])
      .then(([found, interval]) => {
        setLists(found);
        setScrape(interval);
        setTrouble(undefined);
      })
      .catch((error: Error) => setTrouble(`${error.message}. The panels keep what they last showed.`));
  }, [board, state.choices, range]);

  const zoom = useCallback(
    (to: Range) => change({ from: String(Math.round(to.from * 1000)), to: String(Math.round(to.to * 1000)) }),
    [change],
  );
  const chosenRange = /^now-(\w+)$/.exec(from)?.[1] ?? '';

  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div className="page" style={{ background: theme.colors.background.canvas, color: theme.colors.text.primary }}>
        <header>
          <div className="line">
            <Combobox
              aria-label="Board"
              width={28}
              value={state.uid}
              options={boards.map((b) => ({ label: b.title, value: b.uid }))}
              onChange={(option) => change({ uid: option.value, choices: {} })}
            />
            <span className="spring" />
            <Combobox
              aria-label="Time range"
              width={22}
              value={chosenRange || 'zoomed'}
              options={[
                ...ranges.map((r) => ({ label: `Last ${r}`, value: r })),
                ...(chosenRange ? [] : [{ label: 'Chosen on a graph', value: 'zoomed' }]),
              ]}
              onChange={(option) => option.value !== 'zoomed' && change({ from: `now-${option.value}`, to: 'now' })}
            />
            <RefreshPicker
              value={refresh === 'off' ? '' : refresh}
              intervals={['5s', '10s', '30s', '1m', '5m']}
              onRefresh={() => setTurn((t) => t + 1)}
              onIntervalChanged={(interval) => change({ refresh: interval || 'off' })}
            />
            <Button
              variant="secondary"
              icon={state.theme === 'dark' ? 'palette' : 'adjust-circle'}
              aria-label={state.theme === 'dark' ? 'Light' : 'Dark'}
              onClick={() => change({ theme: state.theme === 'dark' ? 'light' : 'dark' })}
            />
          </div>
          {board && (
            <div className="line">
              {chosable(board).map((variable) => (
                <label key={variable.name} className="variable">
                  <span>{variable.label ?? variable.name}</span>
                  <MultiCombobox
                    aria-label={variable.label ?? variable.name}
                    width="auto"
                    minWidth={14}
                    maxWidth={40}
                    placeholder="All"
                    isClearable
                    value={state.choices[variable.name] ?? []}
                    options={[...new Set([...(lists[variable.name] ?? []), ...(state.choices[variable.name] ?? [])])].map((value) => ({
                      label: value,
                      value,
                    }))}
                    onChange={(chosen) => change({ choices: { ...state.choices, [variable.name]: chosen.map((o) => o.value) } })}
                  />
                </label>
              ))}
            </div>
          )}
        </header>
        {trouble && (
          <Alert title="Prometheus cannot be asked" severity="error">
            {trouble}
          </Alert>
        )}
        {board && <Board board={board} choices={state.choices} range={range} scrape={scrape} turn={turn} onZoom={zoom} />}
        <footer>
          A preview of infra/grafana/dashboards drawn with Grafana&apos;s own components, for a machine without Grafana. The real thing:{' '}
          <code>make grafana-up</code>.
        </footer>
      </div>
    </ThemeContext.Provider>
  );
}

createRoot(document.getElementById('root')!).render(<Page />);
