// One dashboard: rows and panels on Grafana's grid of 24 columns.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Theme } from './colors';
import { LivePanel } from './LivePanel';
import type { Annotation, Choices, Dashboard, Mark, Panel, Range } from './model';
import { queryRange } from './prometheus';
import { chosable, intervals, interpolate, type Lists } from './variables';

const CELL = 30;
const GAP = 8;

export interface View {
  board: Dashboard;
  choices: Choices;
  lists: Lists;
  range: Range;
  scrape: number;
  theme: Theme;
  /** incremented at every refresh */
  turn: number;
  /** the panel that fills the screen; 0: none */
  panel: number;
  /** marks to draw in addition to the board's own annotations */
  marks?: Mark[];
  onZoom: (range: Range) => void;
  onPanel: (id: number) => void;
}

function useWidth() {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!element.current) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth((before) => Math.floor(entry!.contentRect.width) || before));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width] as const;
}

function useMarks({ board, choices, lists, range, scrape, turn }: View): Mark[] {
  const [marks, setMarks] = useState<Mark[]>([]);
  useEffect(() => {
    const controller = new AbortController();
    const times = intervals(range, 300, scrape);
    const one = async (annotation: Annotation): Promise<Mark[]> => {
      const expr = interpolate(annotation.expr, chosable(board), choices, times, lists);
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
      .then((found) => setMarks((before) => (found.flat().length || before.length ? found.flat() : before)))
      .catch(() => undefined); // the panels say what is wrong with Prometheus
    return () => controller.abort();
  }, [board, choices, lists, range, scrape, turn]);
  return marks;
}

interface Place {
  panel: Panel;
  x: number;
  y: number;
  w: number;
  h: number;
}

/** The place of each panel. Closed rows hide their panels, so all below moves up. A narrow screen has one column. */
function places(board: Dashboard, closed: Set<number>, narrow: boolean): Place[] {
  const shown: Place[] = [];
  let gone = 0;
  let hidden = false;
  let rowAt = 0;
  for (const panel of board.panels) {
    const { x, y, w, h } = panel.gridPos;
    if (panel.type === 'row') {
      if (hidden) gone += y - (rowAt + 1);
      hidden = closed.has(panel.id);
      rowAt = y;
      shown.push({ panel, x: 0, y: y - gone, w: 24, h: 1 });
    } else if (!hidden) {
      shown.push({ panel, x, y: y - gone, w, h });
    }
  }
  if (!narrow) return shown;
  let top = 0;
  let left = false; // the left half holds a tile, the right half is free
  return shown.map((place) => {
    const tile = place.panel.type === 'stat';
    if (left && !tile) top += 3;
    const next = { ...place, x: tile && left ? 12 : 0, w: tile ? 12 : 24, h: tile ? 3 : place.h, y: top };
    if (!tile || left) top += next.h;
    left = tile && !left;
    return next;
  });
}

export function Board(view: View) {
  const [grid, width] = useWidth();
  const [closed, setClosed] = useState<Set<number>>(new Set());
  const found = useMarks(view);
  const marks = useMemo(() => [...(view.marks ?? []), ...found], [view.marks, found]);
  const alone = view.panel ? view.board.panels.find(({ id, type }) => id === view.panel && type !== 'row') : undefined;
  const cell = (width + GAP) / 24;
  const shown = places(view.board, closed, width > 0 && width < 768);
  const [, setTall] = useState(0);
  useEffect(() => {
    if (!alone) return undefined;
    const resized = () => setTall(innerHeight);
    const key = (event: KeyboardEvent) => event.key === 'Escape' && view.onPanel(0);
    window.addEventListener('resize', resized);
    window.addEventListener('keydown', key);
    return () => {
      window.removeEventListener('resize', resized);
      window.removeEventListener('keydown', key);
    };
  }, [alone?.id, view.onPanel]);

  if (alone) {
    return (
      <div ref={grid} className="grid">
        {width > 0 && <LivePanel key={alone.id} view={view} panel={alone} width={width} height={Math.max(300, innerHeight - 170)} marks={marks} />}
      </div>
    );
  }
  const height = Math.max(0, ...shown.map(({ y, h }) => (y + h) * (CELL + GAP)));
  const toggle = (id: number) =>
    setClosed((before) => {
      const next = new Set(before);
      next.has(id) ? next.delete(id) : next.add(id);
      return next;
    });
  return (
    <div ref={grid} className="grid" style={{ height }}>
      {width > 0 &&
        shown.map(({ panel, x, y, w, h }) => {
          const size = { width: w * cell - GAP, height: h * (CELL + GAP) - GAP };
          return (
            <div key={panel.id} className={panel.type === 'row' ? 'row' : 'cell'} style={{ left: x * cell, top: y * (CELL + GAP), ...size }}>
              {panel.type === 'row' ? (
                <h2>
                  <button type="button" aria-expanded={!closed.has(panel.id)} onClick={() => toggle(panel.id)}>
                    <span aria-hidden="true">{closed.has(panel.id) ? '▸' : '▾'}</span> {panel.title}
                  </button>
                </h2>
              ) : (
                <LivePanel view={view} panel={panel} marks={marks} {...size} />
              )}
            </div>
          );
        })}
    </div>
  );
}
