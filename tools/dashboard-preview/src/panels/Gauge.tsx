// Gauges like Grafana's: an arc of 240 degrees with the thresholds around it, one for each series.
import { colorOf, type Theme } from '../colors';
import type { Panel } from '../model';
import type { Single } from '../series';
import { shown } from './Figures';

const SWEEP = (240 / 180) * Math.PI;
const START = Math.PI / 2 + (2 * Math.PI - SWEEP) / 2; // from below, clockwise

/** The SVG path of an arc between two fractions of the sweep. */
function arc(radius: number, from: number, to: number): string {
  const point = (share: number) => {
    const angle = START + share * SWEEP;
    return `${(Math.cos(angle) * radius).toFixed(2)} ${(Math.sin(angle) * radius).toFixed(2)}`;
  };
  return `M ${point(from)} A ${radius} ${radius} 0 ${(to - from) * SWEEP > Math.PI ? 1 : 0} 1 ${point(to)}`;
}

function Dial({ panel, single, title, size, theme }: { panel: Panel; single: Single; title: string; size: number; theme: Theme }) {
  const { min = 0, max = 100, thresholds } = panel.fieldConfig?.defaults ?? {};
  const share = (value: number) => Math.min(1, Math.max(0, (value - min) / (max - min || 1)));
  const { text, color } = shown(panel, single.value, theme);
  const reached = single.value === null ? 0 : share(single.value);
  const steps = thresholds?.steps ?? [];
  return (
    <svg width={size} height={size * 0.86} viewBox="-60 -60 120 103" role="img" aria-label={`${title || single.name}: ${text}`}>
      <path d={arc(46, 0, 1)} className="dial" />
      {reached > 0 && <path d={arc(46, 0, reached)} fill="none" stroke={color} stroke-width="14" />}
      {steps.map((step, i) => {
        const [from, to] = [share(step.value ?? min), share(steps[i + 1]?.value ?? max)];
        return to > from && <path key={i} d={arc(56, from, to)} fill="none" stroke={colorOf(step.color, theme)} stroke-width="3" />;
      })}
      <text textAnchor="middle" y="6" font-size="20" font-weight="500" fill="currentColor">{text}</text>
      <text textAnchor="middle" y="36" font-size="10" fill="currentColor">{title}</text>
    </svg>
  );
}

export function GaugePanel({ panel, values, width, height, theme }: { panel: Panel; values: Single[]; width: number; height: number; theme: Theme }) {
  const each = width / Math.max(1, values.length);
  return (
    <div className="stats">
      {values.map((single) => (
        <Dial key={single.name} panel={panel} single={single} theme={theme} title={values.length > 1 ? single.name : ''} size={Math.min(each, height / 0.86)} />
      ))}
    </div>
  );
}
