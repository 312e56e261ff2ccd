// Lines over time: Grafana's own TimeSeries, with a tooltip, annotations and exemplars drawn over it.
import { useMemo, useState } from 'react';
import { dateTime, formattedValueToString, type DataFrame, type TimeRange } from '@grafana/data';
import { GraphNGLegendEventMode, LegendDisplayMode } from './schema';
import { TimeSeries, TooltipPlugin2, useTheme2, type UPlotConfigBuilder } from '@grafana/ui';
import type uPlot from 'uplot';
import type { Panel, Range } from '../model';
import type { Exemplar } from '../prometheus';

export interface Mark {
  /** seconds */
  time: number;
  color: string;
  title: string;
  text: string;
}

const hooked = new WeakSet<UPlotConfigBuilder>();

interface Props {
  panel: Panel;
  frames: DataFrame[];
  width: number;
  height: number;
  range: Range;
  marks: Mark[];
  exemplars: Exemplar[];
  onZoom: (range: Range) => void;
}

const timeRange = (range: Range): TimeRange => {
  const from = dateTime(range.from * 1000);
  const to = dateTime(range.to * 1000);
  return { from, to, raw: { from, to } };
};

/** Vertical lines where something happened, diamonds where single requests are known. */
function drawMarks(u: uPlot, marks: Mark[], exemplars: Exemplar[], diamond: string, colorOf: (name: string) => string): void {
  const { ctx, bbox } = u;
  ctx.save();
  for (const mark of marks) {
    const x = Math.round(u.valToPos(mark.time * 1000, 'x', true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = colorOf(mark.color);
    ctx.setLineDash([4, 4]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  const scale = Object.keys(u.scales).find((key) => key !== 'x');
  if (scale) {
    ctx.fillStyle = diamond;
    for (const exemplar of exemplars) {
      const x = u.valToPos(exemplar.timestamp * 1000, 'x', true);
      const y = Math.max(bbox.top + 4, Math.min(bbox.top + bbox.height - 4, u.valToPos(exemplar.value, scale, true)));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.save();
      ctx.translate(x, y);
      ctx.rotate(Math.PI / 4);
      ctx.fillRect(-3, -3, 6, 6);
      ctx.restore();
    }
  }
  ctx.restore();
}

export function TimeSeriesPanel({ panel, frames, width, height, range, marks, exemplars, onZoom }: Props) {
  const theme = useTheme2();
  const [hidden, setHidden] = useState<Set<string>>(new Set());
  const shown = useMemo(
    () =>
      frames.map((frame) => ({
        ...frame,
        fields: frame.fields.map((field) =>
          field.type === 'number'
            ? {
                ...field,
                config: {
                  ...field.config,
                  custom: {
                    ...field.config.custom,
                    hideFrom: { viz: hidden.has(field.name), legend: false, tooltip: hidden.has(field.name) },
                  },
                },
              }
            : field,
        ),
      })),
    [frames, hidden],
  );
  const listed = panel.options?.legend?.displayMode === 'table' ? LegendDisplayMode.Table : LegendDisplayMode.List;

  return (
    <TimeSeries
      key={`${theme.name}-${marks.length}-${exemplars.length}-${[...hidden].join('|')}`}
      frames={shown}
      width={width}
      height={height}
      timeRange={timeRange(range)}
      timeZone="browser"
      legend={{ showLegend: true, displayMode: listed, placement: 'bottom', calcs: panel.options?.legend?.calcs ?? [] } as never}
      onLegendClick={(event) => {
        const name = shown.flatMap((frame) => frame.fields).find((field) => field.state?.origin === undefined && field.name === labelOf(event, shown));
        if (!name) return;
        setHidden((before) => {
          const all = shown.flatMap((frame) => frame.fields.filter((field) => field.type === 'number').map((field) => field.name));
          if (event.mode === GraphNGLegendEventMode.AppendToSelection) {
            const next = new Set(before);
            next.has(name.name) ? next.delete(name.name) : next.add(name.name);
            return next;
          }
          const alone = before.size === all.length - 1 && !before.has(name.name);
          return new Set(alone ? [] : all.filter((other) => other !== name.name));
        });
      }}
    >
      {(builder: UPlotConfigBuilder, aligned: DataFrame) => {
        if (!hooked.has(builder)) {
          hooked.add(builder); // this runs at every render, the builder outlives some
          builder.addHook('draw', (u: uPlot) =>
            drawMarks(u, marks, exemplars, theme.visualization.getColorByName('purple'), (name) => theme.visualization.getColorByName(name)),
          );
        }
        return (
          <TooltipPlugin2
            config={builder}
            hoverMode={1}
            queryZoom={({ from, to }) => onZoom({ from: from / 1000, to: to / 1000 })}
            render={(_u, indexes) => <Tooltip frame={aligned} indexes={indexes} marks={marks} range={range} />}
            maxWidth={500}
          />
        );
      }}
    </TimeSeries>
  );
}

function labelOf(event: { fieldIndex: { frameIndex: number; fieldIndex: number } }, frames: DataFrame[]): string | undefined {
  return frames[event.fieldIndex.frameIndex]?.fields[event.fieldIndex.fieldIndex]?.name;
}

function Tooltip({ frame, indexes, marks, range }: { frame: DataFrame; indexes: Array<number | null>; marks: Mark[]; range: Range }) {
  const at = indexes.find((index) => index !== null && index !== undefined);
  if (at === undefined || at === null) return null;
  const time = frame.fields[0]!.values[at] as number;
  const rows = frame.fields
    .slice(1)
    .map((field) => ({ field, value: field.values[at] as number | null }))
    .filter(({ field, value }) => value !== null && value !== undefined && !field.config.custom?.hideFrom?.viz)
    .sort((a, b) => (b.value as number) - (a.value as number))
    .slice(0, 15);
  const near = marks.filter((mark) => Math.abs(mark.time * 1000 - time) < ((range.to - range.from) * 1000) / 200);
  return (
    <div className="tooltip">
      <div className="tooltip-time">{new Date(time).toLocaleString()}</div>
      {rows.map(({ field, value }) => {
        const shown = field.display?.(value);
        return (
          <div className="tooltip-row" key={field.name}>
            <i style={{ background: field.display?.(value).color ?? '#888' }} />
            <span>{field.config.displayName ?? field.name}</span>
            <b>{shown ? formattedValueToString(shown) : String(value)}</b>
          </div>
        );
      })}
      {near.map((mark, i) => (
        <div className="tooltip-row" key={`mark-${i}`}>
          <i style={{ background: mark.color }} />
          <span>{mark.title}</span>
          <b>{mark.text}</b>
        </div>
      ))}
    </div>
  );
}
