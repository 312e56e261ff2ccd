// SPDX-License-Identifier: Apache-2.0
// Numbers in readable form. By Prometheus' conventions the unit is in the family's name.

const steps = (value, base, names, apart = ' ') => {
  let i = 0;
  for (; i < names.length - 1 && Math.abs(value) >= base * 0.9995; i++) value /= base;
  return `${+value.toPrecision(Math.abs(value) >= 1000 ? 4 : 3)}${names[i] && apart + names[i]}`;
};

function seconds(value) {
  const size = Math.abs(value);
  if (size === 0) return '0 s';
  if (size < 1e-6) return `${+(value * 1e9).toPrecision(3)} ns`;
  if (size < 1e-3) return `${+(value * 1e6).toPrecision(3)} µs`;
  if (size < 0.9995) return `${+(value * 1e3).toPrecision(3)} ms`;
  return size < 60 ? `${+value.toPrecision(3)} s` : span(value);
}

/** A duration, in its two largest units: 3 d 4 h. */
export function span(value) {
  const sign = value < 0 ? '-' : '';
  const total = Math.round(Math.abs(value));
  const [d, h, m, s] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60, total % 60];
  return sign + (d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min ${s} s` : `${s} s`);
}

/** The age of a time in seconds; 0 means never. */
function age(value) {
  const past = Date.now() / 1000 - value;
  return value <= 0 ? 'never' : past < 0 ? `in ${span(-past)}` : `${span(past)} ago`;
}

const plain = (value) => (Math.abs(value) >= 1e21 ? String(+value.toPrecision(3)) : steps(value, 1000, ['', 'k', 'M', 'G', 'T', 'P', 'E']));

/** The kind of a family's numbers: bytes, seconds, ratio, age, or '' for a count. */
export function unitOf({ name, unit }) {
  const base = name.replace(/_total$/, '');
  if (/_timestamp_seconds$|_start_time_seconds$/.test(base)) return 'age';
  const found = /_(bytes|seconds|ratio|celsius)$/.exec(base)?.[1];
  return found ?? (/^(bytes|seconds|ratio|celsius)$/.test(unit) ? unit : '');
}

/** `value` with its unit; a rate is per second. */
export function format(value, unit, rate = false) {
  if (value === undefined || value === null) return '–';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (unit === 'age') return age(value);
  if (unit === 'bytes') return steps(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']) + (rate ? '/s' : '');
  if (unit === 'seconds') return seconds(value) + (rate ? '/s' : '');
  if (unit === 'ratio') return `${+(value * 100).toPrecision(3)} %`;
  return plain(value) + (unit === 'celsius' ? ' °C' : '') + (rate ? ' /s' : '');
}
