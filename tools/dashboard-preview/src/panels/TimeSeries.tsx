// Lines over time, drawn by uPlot, with thresholds, annotations and exemplars; the legend is a table or one line.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { axisTimes, moment } from '../clock';
import { colorOf, type Theme } from '../colors';
import { requestLink } from '../Logs';
import type { Mark, Panel, Range } from '../model';
import type { Exemplar } from '../prometheus';
import { last, type Line, type Lines, most } from '../series';
import { axisSteps, format } from '../units';

interface Props {
  panel: Panel;
  data: Lines;
  width: number;
  height: number;
  range: Range;
  marks: Mark[];
  exemplars: Exemplar[];
  theme: Theme;
  onZoom: (range: Range) => void;
}

const ROW = 24; // px of a row of the legend's table; large enough for a finger
const font = '11px Inter, system-ui, sans-serif';

/** The lines to stack. Lines of zeros would lie on the stack's edge and look like the sum, so they are left out unless all are zero. */
function layers(lines: Line[]): Line[] {
  const more = lines.filter(({ values }) => values.some((value) => value));
  return more.length ? more : lines;
}

/** Running sums: each line on top of those before it. */
function stacked(lines: Line[]): Array<Array<number | null>> {
  const sum: number[] = [];
  return lines.map(({ values }) => values.map((value, i) => (value === null ? null : (sum[i] = (sum[i] ?? 0) + value))));
}

/** The range of the y axis: from 0 to the greatest value, or the board's bounds. For zeros it is 0 to 1, where uPlot would choose 0 to 100. */
function bounds(panel: Panel, greatest: number | null, least: number | null): [number, number] {
  const { min, max, custom } = panel.fieldConfig?.defaults ?? {};
  const low = min ?? Math.min(0, least ?? 0);
  const high = max ?? Math.max((greatest ?? 0) * 1.08, custom?.axisSoftMax ?? 0);
  return [low, high > low ? high : low + 1];
}

/** The greatest of all exemplars that would overlap. */
function slowest(u: uPlot, exemplars: Exemplar[]): Exemplar[] {
  const best = new Map<number, Exemplar>();
  for (const one of exemplars) {
    const at = Math.round(u.valToPos(one.timestamp, 'x') / 10);
    if (one.value > (best.get(at)?.value ?? -1)) best.set(at, one);
  }
  return [...best.values()];
}

const NEAR = 10; // px from a diamond that count as a hit

/** The request under the pointer. */
function under(u: uPlot, exemplars: Exemplar[], x: number, y: number): Exemplar | undefined {
  const far = (one: Exemplar) => Math.hypot(u.valToPos(one.timestamp, 'x') - x, u.valToPos(one.value, 'y') - y);
  return slowest(u, exemplars).filter((one) => far(one) <= NEAR).sort((a, b) => far(a) - far(b))[0];
}

/** A click on a diamond opens the log lines of its request; a drag that ends on one does not. */
function openOnClick(u: uPlot, exemplars: Exemplar[]): void {
  let [startX, startY] = [0, 0];
  u.over.addEventListener('pointerdown', (event) => ([startX, startY] = [event.offsetX, event.offsetY]));
  u.over.addEventListener('pointermove', (event) => (u.over.style.cursor = under(u, exemplars, event.offsetX, event.offsetY) ? 'pointer' : ''));
  u.over.addEventListener('click', (event) => {
    const one = under(u, exemplars, event.offsetX, event.offsetY);
    if (one?.labels.request_id && Math.hypot(event.offsetX - startX, event.offsetY - startY) < 4) location.href = requestLink(one.labels.request_id, one.timestamp);
  });
}

function overlay(u: uPlot, { panel, marks, exemplars, theme }: Props): void {
  const { ctx, bbox } = u;
  const inside = (x: number) => x >= bbox.left && x <= bbox.left + bbox.width;
  ctx.save();
  ctx.setLineDash([4, 4]);
  const line = (x0: number, y0: number, x1: number, y1: number, color: string) => {
    ctx.strokeStyle = color;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
    ctx.stroke();
  };
  if (panel.fieldConfig?.defaults.custom?.thresholdsStyle?.mode === 'dashed') {
    for (const { value, color } of panel.fieldConfig.defaults.thresholds?.steps ?? []) {
      if (value === null) continue;
      const y = u.valToPos(value, 'y', true);
      if (y >= bbox.top && y <= bbox.top + bbox.height) line(bbox.left, y, bbox.left + bbox.width, y, colorOf(color, theme));
    }
  }
  ctx.setLineDash([]);
  for (const mark of marks) {
    const x = Math.round(u.valToPos(mark.time, 'x', true));
    if (!inside(x)) continue;
    // Many alerts of one fault must not hide the data: draw a pale line with a mark at its foot.
    ctx.globalAlpha = mark.strong ? 1 : 0.3;
    line(x, bbox.top, x, bbox.top + bbox.height, colorOf(mark.color, theme));
    ctx.globalAlpha = 1;
    const [foot, size] = [bbox.top + bbox.height, 4 * devicePixelRatio];
    ctx.fillStyle = colorOf(mark.color, theme);
    ctx.beginPath();
    ctx.moveTo(x, foot - size);
    ctx.lineTo(x + size, foot);
    ctx.lineTo(x - size, foot);
    ctx.fill();
  }
  ctx.fillStyle = colorOf('purple', theme);
  for (const { timestamp, value } of slowest(u, exemplars)) {
    const [x, y] = [u.valToPos(timestamp, 'x', true), u.valToPos(value, 'y', true)];
    if (!inside(x) || y < bbox.top) continue; // above the axis; the heatmap shows it
    const size = 3 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.fill();
  }
  ctx.restore();
}

function options(props: Props, shown: Line[], onPoint: (at: Point | undefined) => void, height: number): uPlot.Options {
  const { panel, width, range, theme, onZoom } = props;
  const unit = panel.fieldConfig?.defaults.unit ?? 'short';
  const ink = theme === 'dark' ? '#a5abb4' : '#57606a';
  const grid = { stroke: theme === 'dark' ? '#2a2e36' : '#e3e6ea', width: 1 };
  const ticks = { show: false };
  const stack = panel.fieldConfig?.defaults.custom?.stacking?.mode === 'normal';
  const values = shown.flatMap(({ values: v }) => v).concat(stack ? stacked(shown).flat() : []);
  const [low, high] = bounds(panel, most(values), values.reduce((a, b) => (b !== null && (a === null || b < a) ? b : a), null));
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    cursor: { drag: { x: true, y: false }, points: { size: 6 }, focus: { prox: 16 } },
    scales: { x: { time: true, range: [range.from, range.to] }, y: { range: [low, high] } },
    axes: [
      { stroke: ink, font, grid, ticks, size: 26, space: 70, values: (_u, splits, _a, _s, step) => axisTimes(splits, step) },
      {
        stroke: ink, font, grid, ticks, space: 28, incrs: axisSteps(unit),
        size: (_u, texts) => Math.max(36, ...(texts ?? []).map((text) => 14 + text.length * 6.3)),
        values: (_u, splits) => splits.map((value) => format(value, unit)),
      },
    ],
    series: [
      {},
      ...shown.map(({ name, color }) => ({
        label: name, stroke: color, width: 1.75, points: { show: false }, spanGaps: false,
        fill: `${color}${stack ? '66' : shown.length > 4 ? '00' : '14'}`,
      })),
    ],
    bands: stack ? shown.slice(1).map((_, i) => ({ series: [i + 2, i + 1] as [number, number] })) : undefined,
    hooks: {
      ready: [(u) => openOnClick(u, props.exemplars)],
      draw: [(u) => overlay(u, props)],
      setCursor: [
        (u) => {
          const { idx, left = -1, top = -1 } = u.cursor;
          onPoint(idx === null || idx === undefined || left < 0 ? undefined : { index: idx, left: left + u.bbox.left / devicePixelRatio, top });
        },
      ],
      setSelect: [
        (u) => {
          if (u.select.width > 4) onZoom({ from: u.posToVal(u.select.left, 'x'), to: u.posToVal(u.select.left + u.select.width, 'x') });
        },
      ],
    },
  };
}

interface Point {
  index: number;
  left: number;
  top: number;
}

export function TimeSeriesPanel(props: Props) {
  const { panel, data, width, height, theme, marks, range } = props;
  const place = useRef<HTMLDivElement>(null);
  const [hidden, setHidden] = useState<Set<string>>(new Set());
  const [point, setPoint] = useState<Point>();
  const unit = panel.fieldConfig?.defaults.unit;
  const decimals = panel.fieldConfig?.defaults.decimals;
  const table = panel.options?.legend?.displayMode === 'table';
  const rows = useMemo(
    () => (table ? [...data.lines].sort((a, b) => (last(b.values) ?? -1) - (last(a.values) ?? -1) || a.name.localeCompare(b.name)) : data.lines),
    [data, table],
  );
  const listHeight = table ? Math.min((rows.length + 1) * ROW, Math.max(3 * ROW, Math.floor((height * 0.45) / ROW) * ROW)) : ROW;
  const plotHeight = Math.max(60, height - listHeight);

  useEffect(() => {
    if (!place.current || width < 50) return undefined;
    const stack = panel.fieldConfig?.defaults.custom?.stacking?.mode === 'normal';
    const chosen = data.lines.filter(({ name }) => !hidden.has(name));
    const shown = stack ? layers(chosen) : chosen;
    const plot = new uPlot(
      options(props, shown, setPoint, plotHeight),
      [data.times, ...(stack ? stacked(shown) : shown.map(({ values }) => values))] as uPlot.AlignedData,
      place.current,
    );
    return () => plot.destroy();
  }, [panel, data, width, plotHeight, range, marks, props.exemplars, theme, hidden]);

  /** A click shows this line alone, a second click all again; Ctrl or Shift toggles one line. */
  const choose = (name: string, one: boolean) =>
    setHidden((before) => {
      if (one) {
        const next = new Set(before);
        next.has(name) ? next.delete(name) : next.add(name);
        return next;
      }
      const others = data.lines.filter((line) => line.name !== name).map((line) => line.name);
      return before.size === others.length && !before.has(name) ? new Set() : new Set(others);
    });
  const button = (line: Line) => (
    <button type="button" className="key" aria-pressed={!hidden.has(line.name)} title={line.name} onClick={(event) => choose(line.name, event.ctrlKey || event.shiftKey || event.metaKey)}>
      <i style={{ background: line.color }} />
      <span>{line.name}</span>
    </button>
  );

  return (
    <div className="timeseries">
      <div ref={place} className="plot" style={{ height: plotHeight }} role="img" aria-label={summary(panel, rows)} />
      {point && <Tooltip {...props} point={point} shown={data.lines.filter(({ name }) => !hidden.has(name))} />}
      {table ? (
        <div className="legend" style={{ height: listHeight }} tabIndex={0} role="group" aria-label={`${panel.title}: legend`}>
          <table>
            <thead>
              <tr>
                <th scope="col">{rows.length} series</th>
                <th scope="col">Last</th>
                <th scope="col">Max</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((line) => (
                <tr key={line.name}>
                  <td>{button(line)}</td>
                  <td>{format(last(line.values), unit, decimals)}</td>
                  <td>{format(most(line.values), unit, decimals)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div className="legend line">{rows.map((line) => <span key={line.name}>{button(line)}</span>)}</div>
      )}
    </div>
  );
}

/** The graph as text, for screen readers. */
const summary = (panel: Panel, rows: Line[]): string =>
  `${panel.title}: ${rows.slice(0, 5).map(({ name, values }) => `${name} ${format(last(values), panel.fieldConfig?.defaults.unit)}`).join(', ')}${rows.length > 5 ? `, and ${rows.length - 5} more` : ''}`;

function Tooltip({ panel, data, point, shown, marks, exemplars, range, width }: Props & { point: Point; shown: Line[] }) {
  const time = data.times[point.index];
  if (time === undefined) return null;
  const unit = panel.fieldConfig?.defaults.unit;
  const rows = shown
    .map(({ name, color, values }) => ({ name, color, value: values[point.index] ?? null }))
    .filter(({ value }) => value !== null)
    .sort((a, b) => b.value! - a.value!);
  const near = (at: number) => Math.abs(at - time) < (range.to - range.from) / 150;
  const right = point.left > width / 2;
  return (
    <div className="tooltip" style={{ top: Math.max(0, point.top - 10), ...(right ? { right: width - point.left + 12 } : { left: point.left + 12 }) }}>
      <div className="tooltip-time">{moment(time)}</div>
      {rows.slice(0, 12).map(({ name, color, value }) => (
        <div className="tooltip-row" key={name}>
          <i style={{ background: color }} />
          <span>{name}</span>
          <b>{format(value, unit)}</b>
        </div>
      ))}
      {rows.length > 12 && <div className="tooltip-row">and {rows.length - 12} more</div>}
      {marks.filter((mark) => near(mark.time)).map((mark, i) => (
        <div className="tooltip-row" key={`mark-${i}`}>
          <i style={{ background: mark.color }} />
          <span>{mark.title}</span>
          <b>{mark.text}</b>
        </div>
      ))}
      {exemplars.filter((one) => near(one.timestamp)).slice(0, 3).map((one, i) => (
        <div className="tooltip-row" key={`exemplar-${i}`}>
          <span>◆ {Object.values(one.labels).join(' ')}</span>
          <b>{format(one.value, unit)}</b>
        </div>
      ))}
    </div>
  );
}
