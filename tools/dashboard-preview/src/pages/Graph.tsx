// A graph of an expression. Prometheus' own links (/graph?g0.expr=…) lead here: "Graph" in a message shows the rule's expression.
import { useCallback, useMemo, useState } from 'preact/hooks';
import { Board } from '../Board';
import { TimeRange } from '../controls';
import { Frame } from '../Frame';
import type { Dashboard, Range } from '../model';
import { useTheme } from '../theme';
import { seconds } from '../variables';
import { useHealth } from '../watch';

function boardOf(expr: string): Dashboard {
  const panel = { id: 1, type: 'timeseries', title: 'Graph', description: expr, gridPos: { x: 0, y: 0, w: 24, h: 14 }, targets: [{ refId: 'A', expr, legendFormat: '__auto' }], options: { legend: { displayMode: 'table' } } };
  return { uid: 'graph', title: 'Graph', panels: expr ? [panel] : [], templating: { list: [] }, annotations: { list: [] } };
}

export function GraphPage() {
  const [theme, onTheme] = useTheme();
  const asked = new URLSearchParams(location.search);
  const expr = asked.get('expr') ?? asked.get('g0.expr') ?? '';
  const [from, to] = [asked.get('from') || 'now-1h', asked.get('to') || 'now'];
  const [turn, setTurn] = useState(0);
  const health = useHealth(15, 60);
  const board = useMemo(() => boardOf(expr), [expr]);
  const range = useMemo(() => {
    const now = Date.now() / 1000;
    return { from: seconds(from, now), to: seconds(to, now) };
  }, [from, to, turn]);
  const go = (a: string, b: string) => {
    location.search = new URLSearchParams({ expr, from: a, to: b, ...(theme === 'light' ? { theme } : {}) }).toString();
  };
  const onZoom = useCallback((next: Range) => go(String(Math.round(next.from * 1000)), String(Math.round(next.to * 1000))), [expr, theme]);
  const form = (
    <form className="line find" method="get" action="/graph" role="search">
      <input type="hidden" name="from" value={from} />
      <input type="hidden" name="to" value={to} />
      {theme === 'light' && <input type="hidden" name="theme" value="light" />}
      <label className="select wide">Expression <input type="text" name="expr" size={100} defaultValue={expr} spellcheck={false} /></label>
      <button type="submit">Draw</button>
    </form>
  );
  return (
    <Frame title="Graph" here="" theme={theme} onTheme={onTheme} asOf={health.asOf} trouble={health.trouble} choices={form} tools={<><span className="spring" /><TimeRange from={from} to={to} range={range} onChange={go} /><button type="button" onClick={() => setTurn(turn + 1)}>Refresh</button></>}>
      <h2>{expr ? <code>{expr}</code> : 'No query yet'}</h2>
      <Board board={board} choices={{}} lists={{}} range={range} scrape={5} theme={theme} turn={turn} panel={0} onZoom={onZoom} onPanel={() => undefined} />
    </Frame>
  );
}
