// The units of Grafana that the boards use: three significant digits, without trailing zeros.
import { moment } from './clock';

const digits = (value: number, decimals?: number): string => {
  if (decimals !== undefined) return value.toFixed(decimals);
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
};

type Scale = Array<[factor: number, name: string]>;
const times: Scale = [[86400 * 365, 'years'], [86400, 'days'], [3600, 'h'], [60, 'min'], [1, 's'], [1e-3, 'ms'], [1e-6, 'µs'], [1e-9, 'ns']];
const sizes: Scale = [[2 ** 40, 'TiB'], [2 ** 30, 'GiB'], [2 ** 20, 'MiB'], [2 ** 10, 'KiB'], [1, 'B']];
const counts: Scale = [[1e12, ' T'], [1e9, ' G'], [1e6, ' M'], [1e3, ' k'], [1, '']];
const each: Record<string, string> = { reqps: 'req/s', mps: 'msg/s', ops: 'ops/s' };

function scaled(value: number, scale: Scale, decimals?: number): string {
  const [factor, name] = scale.find(([least]) => Math.abs(value) >= least * 0.9995) ?? (value === 0 ? scale.find(([least]) => least === 1)! : scale.at(-1)!);
  // The board's decimals are for the base unit only: do not round 1.5 k to 2 k.
  return `${digits(value / factor, factor === 1 ? decimals : undefined)}${name.startsWith(' ') || !name ? name : ` ${name}`}`;
}

/** Values below 1 have two significant digits and no scale. */
const count = (value: number, decimals?: number): string =>
  Math.abs(value) < 1 ? (decimals === undefined ? String(Number(value.toPrecision(2))) : value.toFixed(decimals)) : scaled(value, counts, decimals);

export function ago(seconds: number): string {
  const size = Math.max(0, seconds);
  if (size < 90) return `${Math.round(size)} s ago`;
  if (size < 5400) return `${Math.round(size / 60)} min ago`;
  return size < 172800 ? `${Math.round(size / 3600)} h ago` : `${Math.round(size / 86400)} days ago`;
}

/** A duration: 12 min. */
export function span(seconds: number): string {
  const size = Math.max(0, seconds);
  if (size < 90) return `${Math.round(size)} s`;
  if (size < 5400) return `${Math.round(size / 60)} min`;
  return size < 172800 ? `${Math.round(size / 360) / 10} h` : `${Math.round(size / 86400)} days`;
}

export function format(value: number | null | undefined, unit = 'short', decimals?: number): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (unit === 's') return scaled(value, times, decimals);
  if (unit === 'd') return scaled(value * 86400, times, decimals);
  if (unit === 'bytes') return scaled(value, sizes, decimals);
  if (unit === 'percentunit') return `${digits(value * 100, decimals)} %`;
  if (unit === 'percent') return `${digits(value, decimals)} %`;
  if (unit === 'dateTimeAsIso') return moment(value / 1000);
  if (unit === 'dateTimeFromNow') return ago(Date.now() / 1000 - value / 1000);
  if (each[unit]) return `${count(value, decimals)} ${each[unit]}`;
  if (unit.startsWith('suffix:')) return `${count(value, decimals)} ${unit.slice(7).trim()}`;
  return count(value, decimals);
}

/** Good steps between the ticks of an axis in this unit. */
export function axisSteps(unit: string): number[] {
  if (unit === 's') return [1e-6, 1e-5, 1e-4, 1e-3].flatMap((u) => [u, 2 * u, 5 * u]).concat([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400]);
  const steps: number[] = [];
  if (unit === 'bytes') for (let n = 1; n <= 2 ** 44; n *= 2) steps.push(n);
  else for (let e = -9; e <= 15; e++) steps.push(10 ** e, 2 * 10 ** e, 5 * 10 ** e);
  return steps;
}
