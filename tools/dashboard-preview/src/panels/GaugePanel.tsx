// A dial each. The npm package of Grafana's components has no gauge since version 13 (it became private to Grafana); this one has
// its geometry, colours and texts: an arc of 240 degrees with the thresholds around it.
import { formattedValueToString, getActiveThreshold, ThresholdsMode, type ThresholdsConfig } from '@grafana/data';
import { useTheme2 } from '@grafana/ui';
import { fieldConfig, type Single } from '../frames';
import type { Panel } from '../model';

interface Props {
  panel: Panel;
  values: Single[];
  width: number;
  height: number;
}

const SWEEP = (240 / 180) * Math.PI;
const START = Math.PI / 2 + (2 * Math.PI - SWEEP) / 2; // from below, clockwise

/** The path of an arc between two shares of the sweep. */
function arc(radius: number, from: number, to: number): string {
  const point = (share: number) => {
    const angle = START + share * SWEEP;
    return `${(Math.cos(angle) * radius).toFixed(2)} ${(Math.sin(angle) * radius).toFixed(2)}`;
  };
  return `M ${point(from)} A ${radius} ${radius} 0 ${(to - from) * SWEEP > Math.PI ? 1 : 0} 1 ${point(to)}`;
}

function Dial({ single, thresholds, min, max, title, size }: { single: Single; thresholds: ThresholdsConfig; min: number; max: number; title: string; size: number }) {
  const theme = useTheme2();
  const share = (value: number) => Math.min(1, Math.max(0, (value - min) / (max - min || 1)));
  const shown = single.field.display!(single.value);
  const color = (name: string) => theme.visualization.getColorByName(name);
  const reached = single.value === null ? 0 : share(single.value);
  return (
    <svg width={size} height={size * 0.86} viewBox="-60 -60 120 103" role="img" aria-label={`${title || single.name}: ${formattedValueToString(shown)}`}>
      <path d={arc(46, 0, 1)} fill="none" stroke={theme.colors.background.secondary} strokeWidth="14" />
      {reached > 0 && <path d={arc(46, 0, reached)} fill="none" stroke={color(getActiveThreshold(single.value!, thresholds.steps).color)} strokeWidth="14" />}
      {thresholds.steps.map((step, i) => {
        const [from, to] = [share(step.value), share(thresholds.steps[i + 1]?.value ?? max)];
        return to > from && <path key={step.value} d={arc(56, from, to)} fill="none" stroke={color(step.color)} strokeWidth="3" />;
      })}
      <text textAnchor="middle" y="6" fontSize="20" fontWeight="500" fill={theme.colors.text.primary}>
        {formattedValueToString(shown)}
      </text>
      <text textAnchor="middle" y="36" fontSize="10" fill={theme.colors.text.secondary}>
        {title}
      </text>
    </svg>
  );
}

export function GaugePanel({ panel, values, width, height }: Props) {
  const { thresholds, min = 0, max = 100 } = fieldConfig(panel);
  const each = width / Math.max(1, values.length);
  const steps = thresholds ?? { mode: ThresholdsMode.Absolute, steps: [{ value: -Infinity, color: 'green' }] };
  return (
    <div className="stats">
      {values.map((single) => (
        <Dial
          key={single.name}
          single={single}
          thresholds={steps}
          min={min ?? 0}
          max={max ?? 100}
          title={values.length > 1 ? single.name : ''}
          size={Math.min(each, height / 0.86)}
        />
      ))}
    </div>
  );
}
