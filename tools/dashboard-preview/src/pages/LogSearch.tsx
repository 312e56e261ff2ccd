// Searches the logs of the run by time, level, request and text. The URL has the query.
import { useEffect, useState } from 'preact/hooks';
import { TimeRange } from '../controls';
import { Frame } from '../Frame';
import { LogLines, useLogs } from '../Logs';
import { useTheme } from '../theme';
import { seconds } from '../variables';

const LEVELS = ['debug', 'info', 'warn', 'error'];
const EVERY = 5; // seconds between refreshes, if the range ends now

export function LogSearchPage() {
  const [theme, onTheme] = useTheme();
  const [turn, setTurn] = useState(0);
  const asked = new URLSearchParams(location.search);
  const [from, to] = [asked.get('from') || 'now-1h', asked.get('to') || 'now'];
  const [now, setNow] = useState(Date.now() / 1000);
  const range = { from: seconds(from, now), to: seconds(to, now) };
  const query = { ...range, level: asked.get('level') ?? 'info', id: asked.get('id') ?? '', text: asked.get('text') ?? '', source: asked.get('source') ?? '' };
  const { answer, trouble } = useLogs(query, turn);

  useEffect(() => {
    if (to !== 'now') return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && (setNow(Date.now() / 1000), setTurn((t) => t + 1)), EVERY * 1000);
    return () => clearInterval(timer);
  }, [to]);

  const go = (part: Record<string, string>) => {
    for (const [name, value] of Object.entries(part)) asked.set(name, value);
    location.search = asked.toString();
  };
  const sources = [...new Set([...(answer?.sources ?? []), ...(query.source ? [query.source] : [])])];
  // A native form: the query goes into the URL, and Back works.
  const form = (
    <form className="line find" method="get" action="/logs" role="search">
      <input type="hidden" name="from" value={from} />
      <input type="hidden" name="to" value={to} />
      {theme === 'light' && <input type="hidden" name="theme" value="light" />}
      <label className="select">Text <input type="search" name="text" size={24} defaultValue={query.text} /></label>
      <label className="select">Request id <input type="search" name="id" size={24} defaultValue={query.id} /></label>
      <label className="select">
        Level
        <select name="level" defaultValue={query.level}>{LEVELS.map((one) => <option key={one} value={one} selected={one === query.level}>{one}</option>)}</select>
      </label>
      <label className="select">
        Source
        <select name="source">
          <option value="">all</option>
          {sources.map((one) => <option key={one} value={one} selected={one === query.source}>{one}</option>)}
        </select>
      </label>
      <button type="submit">Find</button>
    </form>
  );
  return (
    <Frame
      title="Logs"
      here="Logs"
      theme={theme}
      onTheme={onTheme}
      asOf={to === 'now' ? now : 0}
      trouble={trouble}
      tools={<><span className="spring" /><TimeRange from={from} to={to} range={range} onChange={(a, b) => go({ from: a, to: b })} /></>}
      choices={form}
    >
      <LogLines answer={answer} trouble="" none="No matching log lines in this time range." />
    </Frame>
  );
}
