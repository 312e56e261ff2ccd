// Stat panels, and bar gauges with a bar for each series.
import { levelColor, type Theme } from '../colors';
import { colorOf } from '../colors';
import type { Panel } from '../model';
import type { Single } from '../series';
import { format } from '../units';

interface Props {
  panel: Panel;
  values: Single[];
  theme: Theme;
}

/** The text and colour of a value, by the mappings and thresholds of the panel. */
export function shown(panel: Panel, value: number | null, theme: Theme): { text: string; color: string } {
  const { unit, decimals, thresholds, mappings } = panel.fieldConfig?.defaults ?? {};
  const { result } = (value !== null && mappings?.find(({ type, options: { from, to } }) => type === 'range' && value >= (from ?? -Infinity) && value < (to ?? Infinity)))
    ? mappings.find(({ options: { from, to } }) => value >= (from ?? -Infinity) && value < (to ?? Infinity))!.options
    : { result: undefined };
  return {
    text: result?.text ?? format(value, unit, decimals),
    color: result?.color ? colorOf(result.color, theme) : levelColor(thresholds?.steps, value, theme),
  };
}

/** All figures have one size, without sparklines. */
export function StatPanel({ panel, values, theme }: Props) {
  return (
    <div className="stats">
      {values.map((single) => {
        const { text, color } = shown(panel, single.value, theme);
        return (
          <div className="stat" key={single.name}>
            {values.length > 1 && <span>{single.name}</span>}
            <b style={{ color }}>{text}</b>
          </div>
        );
      })}
    </div>
  );
}

export function BarGaugePanel({ panel, values, theme, height }: Props & { height: number }) {
  const largest = panel.fieldConfig?.defaults.max ?? Math.max(panel.fieldConfig?.defaults.thresholds?.steps.at(-1)?.value ?? 0, ...values.map(({ value }) => value ?? 0));
  return (
    <div className="bars" style={{ height }} tabIndex={0} role="group" aria-label={panel.title}>
      {values.map((single) => {
        const { text, color } = shown(panel, single.value, theme);
        const share = largest > 0 ? Math.min(1, Math.max(0, (single.value ?? 0) / largest)) : 0;
        return (
          <div className="bar" key={single.name}>
            <span>{single.name}</span>
            <b style={{ color }}>{text}</b>
            <div className="track">
              <i style={{ width: `${share * 100}%`, background: color }} />
            </div>
          </div>
        );
      })}
    </div>
  );
}
