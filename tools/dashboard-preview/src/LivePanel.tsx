// A panel with its frame. It runs its queries when it is in view; on an error it shows the error and keeps the last data.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { View } from './Board';
import type { Mark, Panel, Range, Target } from './model';
import { queryExemplars, queryInstant, queryRange, type Exemplar, type Series } from './prometheus';
import { clock } from './clock';
import { requestLink } from './Logs';
import { csv, lines, singles } from './series';
import { format } from './units';
import { chosable, intervals, interpolate } from './variables';
import { BarGaugePanel, StatPanel } from './panels/Figures';
import { GaugePanel } from './panels/Gauge';
import { HeatmapPanel } from './panels/Heatmap';
import { TablePanel } from './panels/Table';
import { TimeSeriesPanel } from './panels/TimeSeries';

const HEAD = 32;
const PADDING = 8;

interface Data {
  answers: Array<[Target, Series[]]>;
  exemplars: Exemplar[];
  range: Range;
  step: number;
}

function useVisible() {
  const element = useRef<HTMLElement>(null);
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    if (!element.current) return undefined;
    const observer = new IntersectionObserver(([entry]) => setVisible(entry!.isIntersecting), { rootMargin: '300px' });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, visible] as const;
}

interface Props {
  view: View;
  panel: Panel;
  width: number;
  height: number;
  marks: Mark[];
}

function useAnswers({ view, panel, width }: Props, visible: boolean): [Data | undefined, string | undefined] {
  const { board, choices, lists, range, scrape, turn } = view;
  const [data, setData] = useState<Data>();
  const [error, setError] = useState<string>();
  const columns = Math.floor(width / 100) * 100;
  useEffect(() => {
    if (!visible) return undefined;
    const controller = new AbortController();
    const times = intervals(range, panel.type === 'heatmap' ? columns / 8 : columns, scrape);
    const text = (target: Target) => interpolate(target.expr, chosable(board), choices, times, lists);
    const ask = async (target: Target): Promise<[Target, Series[]]> => [
      target,
      target.instant ? await queryInstant(text(target), range.to, controller.signal) : await queryRange(text(target), range, times.step, controller.signal),
    ];
    const targets = (panel.targets ?? []).filter((target) => !target.hide);
    const exemplars = targets.filter((target) => target.exemplar).map((target) => queryExemplars(text(target), range, controller.signal).catch(() => []));
    Promise.all([Promise.all(targets.map(ask)), Promise.all(exemplars)])
      .then(([answers, found]) => {
        setData({ answers, exemplars: found.flat(), range, step: times.step });
        setError(undefined);
      })
      .catch((reason: Error) => controller.signal.aborted || setError(reason.message));
    return () => controller.abort();
  }, [visible, board, panel, choices, lists, range, scrape, turn, columns]);
  return [data, error];
}

export function LivePanel(props: Props) {
  const { view, panel, width, height, marks } = props;
  const [element, visible] = useVisible();
  const [data, error] = useAnswers(props, visible);
  const empty = data && data.answers.every(([, series]) => series.every(({ points }) => points.every(([, v]) => !Number.isFinite(v))));
  const inner = { width: width - 2 * PADDING, height: height - HEAD - PADDING };
  return (
    <section
      ref={element}
      className={`panel${error && data ? ' old' : ''}`}
      style={{ width, height }}
      aria-label={panel.title}
      data-panel={panel.title}
      data-state={error ? 'error' : !data ? 'loading' : empty ? 'empty' : 'data'}
    >
      <Head {...props} data={data} error={error} />
      <div className="body">
        {error && !data && <Message text={error} kind="error" height={inner.height} />}
        {data && empty && <Message text={panel.fieldConfig?.defaults.noValue ?? 'No data'} kind="empty" height={inner.height} />}
        {data && !empty && <Drawing view={view} panel={panel} data={data} marks={marks} {...inner} />}
      </div>
    </section>
  );
}

function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}

/** A link to this panel with absolute times, so that it shows the same data later. */
function linkTo(panel: Panel, range: Range): string {
  const url = new URL(location.href);
  url.searchParams.set('viewPanel', String(panel.id));
  url.searchParams.set('from', String(Math.round(range.from * 1000)));
  url.searchParams.set('to', String(Math.round(range.to * 1000)));
  return url.href;
}

const icons = {
  about: 'M6.2 6a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.8.7-.8 1.4M8 11.2v.1',
  csv: 'M8 2v8M4.5 6.8 8 10.3l3.5-3.5M3 13h10',
  link: 'M6.8 9.2a2.6 2.6 0 0 0 3.7 0l2-2a2.6 2.6 0 0 0-3.7-3.7l-.8.8M9.2 6.8a2.6 2.6 0 0 0-3.7 0l-2 2a2.6 2.6 0 0 0 3.7 3.7l.8-.8',
  requests: 'M8 2.5 13.5 8 8 13.5 2.5 8z',
  whole: 'M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3',
  back: 'M4 4l8 8M12 4l-8 8',
};
const Icon = ({ name }: { name: keyof typeof icons }) => (
  <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
    <path d={icons[name]} />
  </svg>
);

/** The slowest requests among the exemplars, each once, with links to their log lines. */
function Requests({ panel, exemplars }: { panel: Panel; exemplars: Exemplar[] }) {
  const slowest = [...new Map([...exemplars].sort((a, b) => a.value - b.value).map((one) => [one.labels.request_id, one])).values()].reverse().slice(0, 10);
  return (
    <table className="requests">
      <thead>
        <tr><th scope="col">slowest requests</th><th scope="col">duration</th><th scope="col">time</th></tr>
      </thead>
      <tbody>
        {slowest.map(({ labels, series, value, timestamp }) => (
          <tr key={labels.request_id}>
            <td><a href={requestLink(labels.request_id ?? '', timestamp)}>{labels.request_id}</a> {series.route}</td>
            <td>{format(value, panel.fieldConfig?.defaults.unit)}</td>
            <td>{clock(timestamp)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Head({ view, panel, data, error }: Props & { data?: Data; error?: string }) {
  const [told, setTold] = useState(false);
  const [copied, setCopied] = useState('');
  const [listed, setListed] = useState(false);
  const alone = view.panel === panel.id;
  const copy = async () => {
    const link = linkTo(panel, data?.range ?? view.range);
    try {
      await navigator.clipboard.writeText(link);
      setCopied('Link copied.');
    } catch {
      setCopied(link); // no clipboard permission: show the link instead
    }
  };
  return (
    <div className="head">
      <h3 title={panel.description}>{panel.title}</h3>
      {error && data && <span className="error" title={error} role="status">old data: {error}</span>}
      <div className="tools">
        <button type="button" aria-label={`About ${panel.title}`} aria-expanded={told} onClick={() => setTold(!told)}><Icon name="about" /></button>
        {panel.type !== 'stat' && (
          <button type="button" aria-label={`${panel.title} as CSV`} title="CSV" disabled={!data} onClick={() => data && save(`${panel.title}.csv`, csv(panel, data.answers))}><Icon name="csv" /></button>
        )}
        {data && data.exemplars.length > 0 && (
          <button type="button" aria-label={`Requests of ${panel.title}`} title="Requests" aria-expanded={listed} onClick={() => setListed(!listed)}><Icon name="requests" /></button>
        )}
        <button type="button" aria-label={`Link to ${panel.title}`} title="Link" onClick={copy}><Icon name="link" /></button>
        <button type="button" aria-label={alone ? 'Back to the dashboard' : `${panel.title} in full screen`} title={alone ? 'Back to the dashboard' : 'Full screen'} onClick={() => view.onPanel(alone ? 0 : panel.id)}><Icon name={alone ? 'back' : 'whole'} /></button>
      </div>
      {(told || copied || listed) && (
        <div className="about" role="status">
          {(copied || told) && <p>{copied || panel.description}</p>}
          {listed && data && <Requests panel={panel} exemplars={data.exemplars} />}
          <button type="button" onClick={() => (setTold(false), setCopied(''), setListed(false))}>Close</button>
        </div>
      )}
    </div>
  );
}

const Message = ({ text, kind, height }: { text: string; kind: string; height: number }) => (
  <div className={`message ${kind}`} style={{ height }} role={kind === 'error' ? 'alert' : undefined}>
    {text}
  </div>
);

function Drawing({ view, panel, data, width, height, marks }: Props & { data: Data }) {
  const { theme } = view;
  const graph = useMemo(() => (panel.type === 'timeseries' ? lines(panel, data.answers, theme, data.step) : { times: [], lines: [] }), [panel, data, theme]);
  switch (panel.type) {
    case 'timeseries':
      return <TimeSeriesPanel panel={panel} data={graph} width={width} height={height} range={data.range} marks={marks} exemplars={data.exemplars} theme={theme} onZoom={view.onZoom} />;
    case 'stat':
      return <StatPanel panel={panel} values={singles(data.answers)} theme={theme} />;
    case 'gauge':
      return <GaugePanel panel={panel} values={singles(data.answers)} width={width} height={height} theme={theme} />;
    case 'bargauge':
      return <BarGaugePanel panel={panel} values={singles(data.answers)} height={height} theme={theme} />;
    case 'table':
      return <TablePanel panel={panel} answers={data.answers} height={height} theme={theme} />;
    case 'heatmap':
      return <HeatmapPanel panel={panel} series={data.answers.flatMap(([, s]) => s)} width={width} height={height} range={data.range} step={data.step} theme={theme} />;
    default:
      return <Message text={`This page cannot draw panels of type "${panel.type}"`} kind="error" height={height} />;
  }
}
