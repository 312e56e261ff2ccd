// Prometheus' answers as Grafana's data frames, with the panel's field options applied.
import {
  createDataFrame,
  FieldColorModeId,
  FieldType,
  getDisplayProcessor,
  ThresholdsMode,
  type DataFrame,
  type Field,
  type FieldConfig,
  type GrafanaTheme2,
} from '@grafana/data';
import type { Panel, Target } from './model';
import type { Labels, Series } from './prometheus';

/** "{{route}} p95" filled in; without a format the series is named by its labels. */
export function legend(format: string | undefined, labels: Labels, expr: string): string {
  if (format && format !== '__auto') return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name: string) => labels[name] ?? '');
  const pairs = Object.entries(labels).filter(([name]) => name !== '__name__');
  if (!pairs.length) return labels.__name__ ?? expr;
  return `${labels.__name__ ?? ''}{${pairs.map(([name, value]) => `${name}="${value}"`).join(', ')}}`;
}

export function fieldConfig(panel: Panel): FieldConfig {
  const defaults = panel.fieldConfig?.defaults ?? {};
  return {
    unit: defaults.unit,
    decimals: defaults.decimals,
    min: defaults.min,
    max: defaults.max,
    noValue: defaults.noValue,
    thresholds: {
      mode: ThresholdsMode.Absolute,
      steps: (defaults.thresholds?.steps ?? [{ value: null, color: 'green' }]).map((step) => ({
        value: step.value ?? -Infinity,
        color: step.color,
      })),
    },
  };
}

function valueField(panel: Panel, name: string, values: Array<number | null>, index: number, theme: GrafanaTheme2, byThreshold: boolean): Field {
  const field: Field = {
    name,
    type: FieldType.number,
    values,
    config: {
      ...fieldConfig(panel),
      displayName: name,
      color: { mode: byThreshold ? FieldColorModeId.Thresholds : FieldColorModeId.PaletteClassic },
      custom: { ...panel.fieldConfig?.defaults.custom },
    },
    state: { seriesIndex: index, displayName: name },
  };
  field.display = getDisplayProcessor({ field, theme });
  return field;
}

/**
 * One frame a series. Holes in a series become nulls, so that a line is broken where the data is.
 * NaN (0/0: no traffic) is a hole too.
 */
export function timeFrames(panel: Panel, answers: Array<[Target, Series[]]>, step: number, theme: GrafanaTheme2): DataFrame[] {
  const frames: DataFrame[] = [];
  for (const [target, series] of answers) {
    for (const { labels, points } of series) {
      const times: number[] = [];
      const values: Array<number | null> = [];
      let last: number | undefined;
      for (const [time, value] of points) {
        if (last !== undefined && time - last > step * 1.5) {
          times.push((last + step) * 1000);
          values.push(null);
        }
        times.push(time * 1000);
        values.push(Number.isFinite(value) ? value : null);
        last = time;
      }
      const name = legend(target.legendFormat, labels, target.expr);
      const frame = createDataFrame({ refId: target.refId, fields: [] });
      frame.fields = [
        { name: 'Time', type: FieldType.time, values: times, config: {} },
        valueField(panel, name, values, frames.length, theme, false),
      ];
      frame.length = times.length;
      frames.push(frame);
    }
  }
  return frames;
}

export interface Single {
  name: string;
  value: number | null;
  field: Field;
  times: number[];
}

/** The last value of each series, with the series behind it for a sparkline. */
export function singles(panel: Panel, answers: Array<[Target, Series[]]>, theme: GrafanaTheme2): Single[] {
  return answers.flatMap(([target, series]) =>
    series.map(({ labels, points }, i) => {
      const good = points.filter(([, value]) => Number.isFinite(value));
      const name = legend(target.legendFormat, labels, target.expr);
      const values = good.map(([, value]) => value);
      const field = valueField(panel, name, values, i, theme, true);
      if (values.length) {
        const [min, max] = [Math.min(...values), Math.max(...values)];
        field.state!.range = { min, max, delta: max - min }; // the sparkline's scale
      }
      return { name, value: good.at(-1)?.[1] ?? null, field, times: good.map(([time]) => time * 1000) };
    }),
  );
}
