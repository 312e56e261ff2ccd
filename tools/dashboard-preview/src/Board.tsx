// One dashboard: rows and panels on Grafana's grid of 24 columns, each panel with queries of its own.
import { useEffect, useMemo, useRef, useState } from 'react';
import { LoadingState } from '@grafana/data';
import { Icon, PanelChrome, useTheme2 } from '@grafana/ui';
import { singles, timeFrames } from './frames';
import type { Annotation, Choices, Dashboard, Panel, Range, Target } from './model';
import { queryExemplars, queryInstant, queryRange, type Exemplar, type Series } from './prometheus';
import { chosable, intervals, interpolate } from './variables';
import { GaugePanel } from './panels/GaugePanel';
import { BarGaugePanel, StatPanel } from './panels/SinglePanels';
import { HeatmapPanel } from './panels/HeatmapPanel';
import { TablePanel } from './panels/TablePanel';
import { TimeSeriesPanel, type Mark } from './panels/TimeSeriesPanel';

const CELL = 30;
const GAP = 8;

export interface View {
  board: Dashboard;
  choices: Choices;
  range: Range;
  scrape: number;
  /** rises at every refresh */
  turn: number;
  onZoom: (range: Range) => void;
}

function useWidth(): [React.RefObject<HTMLDivElement | null>, number] {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element.current) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

function useMarks({ board, choices, range, scrape, turn }: View): Mark[] {
  const [marks, setMarks] = useState<Mark[]>([]);
  useEffect(() => {
    const controller = new AbortController();
    const times = intervals(range, 300, scrape);
    const one = async (annotation: Annotation): Promise<Mark[]> => {
      const expr = interpolate(annotation.expr, chosable(board), choices, times);
      const series = await queryRange(expr, range, times.step, controller.signal);
      const fill = (format: string | undefined, labels: Record<string, string>) =>
        (format ?? '').replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => labels[name] ?? '');
      return series.flatMap(({ labels, points }) =>
        points
          .filter(([time], i) => i === 0 || time - points[i - 1]![0] > times.step * 1.5)
          .map(([time]) => ({
            time,
            color: annotation.iconColor,
            title: fill(annotation.titleFormat, labels) || annotation.name,
            text: fill(annotation.textFormat, labels),
          })),
      );
    };
    Promise.all(board.annotations.list.filter((a) => a.enable && a.expr).map(one))
      .then((lists) => setMarks(lists.flat()))
      .catch(() => setMarks([])); // the panels say what is wrong with Prometheus
    return () => controller.abort();
  }, [board, choices, range, scrape, turn]);
  return marks;
}

export function Board(view: View) {
  const [grid, width] = useWidth();
  const [closed, setClosed] = useState<Set<number>>(new Set());
  const marks = useMarks(view);
  const narrow = width > 0 && width < 768;
  const cell = (width + GAP) / 24;

  let offset = 0;
  let hidden = false;
  let top = 0;
  const placed = view.board.panels.map((panel) => {
    if (panel.type === 'row') {
      hidden = closed.has(panel.id);
      const place = { panel, x: 0, y: panel.gridPos.y - offset, w: 24, h: 1, shown: true };
      return place;
    }
    return { panel, x: panel.gridPos.x, y: panel.gridPos.y - offset, w: panel.gridPos.w, h: panel.gridPos.h, shown: !hidden };
  });
  // A closed row takes its panels' height away from all that is below.
  for (let i = 0; i < placed.length; i++) {
    const here = placed[i]!;
    here.y -= offset;
    if (here.panel.type !== 'row' || !closed.has(here.panel.id)) continue;
    const next = placed.slice(i + 1).find((p) => p.panel.type === 'row');
    const end = next ? next.panel.gridPos.y : Math.max(...placed.map((p) => p.panel.gridPos.y + p.h));
    offset += end - (here.panel.gridPos.y + 1);
  }
  if (narrow) {
    for (const here of placed.filter((p) => p.shown)) {
      here.x = 0;
      here.w = 24;
      here.y = top;
      top += here.h;
    }
  }
  const height = Math.max(0, ...placed.filter((p) => p.shown).map((p) => (p.y + p.h) * (CELL + GAP)));

  return (
    <div ref={grid} className="grid" style={{ height }}>
      {width > 0 &&
        placed
          .filter((p) => p.shown)
          .map(({ panel, x, y, w, h }) => (
            <div
              key={panel.id}
              className={panel.type === 'row' ? 'row' : 'cell'}
              style={{ left: x * cell, top: y * (CELL + GAP), width: w * cell - GAP, height: h * (CELL + GAP) - GAP }}
            >
              {panel.type === 'row' ? (
                <button
                  type="button"
                  aria-expanded={!closed.has(panel.id)}
                  onClick={() =>
                    setClosed((before) => {
                      const next = new Set(before);
                      next.has(panel.id) ? next.delete(panel.id) : next.add(panel.id);
                      return next;
                    })
                  }
                >
                  <Icon name={closed.has(panel.id) ? 'angle-right' : 'angle-down'} /> {panel.title}
                </button>
              ) : (
                <LivePanel view={view} panel={panel} width={w * cell - GAP} height={h * (CELL + GAP) - GAP} marks={marks} />
              )}
            </div>
          ))}
    </div>
  );
}

interface Data {
  answers: Array<[Target, Series[]]>;
  exemplars: Exemplar[];
  range: Range;
  step: number;
}

function useVisible(): [React.RefObject<HTMLDivElement | null>, boolean] {
  const element = useRef<HTMLDivElement>(null);
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    if (!element.current) return undefined;
    const observer = new IntersectionObserver(([entry]) => setVisible(entry!.isIntersecting), { rootMargin: '300px' });
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, visible];
}

function LivePanel({ view, panel, width, height, marks }: { view: View; panel: Panel; width: number; height: number; marks: Mark[] }) {
  const { board, choices, range, scrape, turn } = view;
  const [element, visible] = useVisible();
  const [data, setData] = useState<Data>();
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(true);
  const columns = Math.floor(width / 100) * 100;

  useEffect(() => {
    if (!visible) return undefined;
    const controller = new AbortController();
    const times = intervals(range, panel.type === 'heatmap' ? columns / 8 : columns, scrape);
    const ask = async (target: Target): Promise<[Target, Series[]]> => {
      const expr = interpolate(target.expr, chosable(board), choices, times);
      return [
        target,
        target.instant ? await queryInstant(expr, range.to, controller.signal) : await queryRange(expr, range, times.step, controller.signal),
      ];
    };
    const targets = (panel.targets ?? []).filter((target) => !target.hide);
    const exemplars = targets
      .filter((target) => target.exemplar)
      .map((target) => queryExemplars(interpolate(target.expr, chosable(board), choices, times), range, controller.signal).catch(() => []));
    setBusy(true);
    Promise.all([Promise.all(targets.map(ask)), Promise.all(exemplars)])
      .then(([answers, found]) => {
        setData({ answers, exemplars: found.flat(), range, step: times.step });
        setError(undefined);
      })
      .catch((reason: Error) => controller.signal.aborted || setError(reason.message))
      .finally(() => controller.signal.aborted || setBusy(false));
    return () => controller.abort();
  }, [visible, board, panel, choices, range, scrape, turn, columns]);

  const empty = data && data.answers.every(([, series]) => series.every(({ points }) => points.every(([, v]) => !Number.isFinite(v))));
  return (
    <div ref={element} data-panel={panel.title} data-state={error ? 'error' : !data ? 'loading' : empty ? 'empty' : 'data'}>
      <PanelChrome
        title={panel.title}
        description={panel.description}
        width={width}
        height={height}
        loadingState={busy && !data ? LoadingState.Loading : LoadingState.Done}
        statusMessage={error}
      >
        {(w, h) => {
          if (error && !data) return <Message text={error} kind="error" height={h} />;
          if (!data) return null;
          if (empty) return <Message text={panel.fieldConfig?.defaults.noValue ?? 'No data'} kind="empty" height={h} />;
          return <Drawing panel={panel} data={data} width={w} height={h} marks={marks} onZoom={view.onZoom} />;
        }}
      </PanelChrome>
    </div>
  );
}

const Message = ({ text, kind, height }: { text: string; kind: string; height: number }) => (
  <div className={`message ${kind}`} style={{ height }} role={kind === 'error' ? 'alert' : undefined}>
    {text}
  </div>
);

function Drawing({ panel, data, width, height, marks, onZoom }: { panel: Panel; data: Data; width: number; height: number; marks: Mark[]; onZoom: (range: Range) => void }) {
  const theme = useTheme2();
  const frames = useMemo(() => timeFrames(panel, data.answers, data.step, theme), [panel, data, theme]);
  switch (panel.type) {
    case 'timeseries':
      return (
        <TimeSeriesPanel panel={panel} frames={frames} width={width} height={height} range={data.range} marks={marks} exemplars={data.exemplars} onZoom={onZoom} />
      );
    case 'stat':
      return <StatPanel panel={panel} values={singles(panel, data.answers, theme)} width={width} height={height} />;
    case 'gauge':
      return <GaugePanel panel={panel} values={singles(panel, data.answers, theme)} width={width} height={height} />;
    case 'bargauge':
      return <BarGaugePanel panel={panel} values={singles(panel, data.answers, theme)} width={width} height={height} />;
    case 'table':
      return <TablePanel panel={panel} answers={data.answers} width={width} height={height} />;
    case 'heatmap':
      return (
        <HeatmapPanel panel={panel} series={data.answers.flatMap(([, s]) => s)} width={width} height={height} range={data.range} step={data.step} />
      );
    default:
      return <Message text={`The preview does not draw panels of type "${panel.type}"`} kind="error" height={height} />;
  }
}
