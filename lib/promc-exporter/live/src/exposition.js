// SPDX-License-Identifier: Apache-2.0
// Reads text 0.0.4 as promc writes it: families with their series.

const line = /^([^\s{]+)(?:\{(.*)\})? (\S+)/;
const number = (text) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

/** `a="b",c="d"` without one label. */
function split(labels, without) {
  let value;
  const rest = labels.replace(new RegExp(`(^|,)${without}="((?:[^"\\\\]|\\\\.)*)"`), (_, before, found) => {
    value = found;
    return '';
  });
  return [rest.replace(/^,/, ''), value];
}

/**
 * name → { name, type, help, series: labels → number | { sum, count, buckets: [[le, count], …], quantiles: [[q, value], …] } }
 * Histograms and summaries have the object; of a native histogram this format shows the bucket +Inf alone.
 */
export function parse(text) {
  const families = new Map();
  let family;
  const named = (name) => {
    if (family?.name !== name) {
      family = families.get(name) ?? { name, type: 'untyped', help: '', series: new Map() };
      families.set(name, family);
    }
    return family;
  };
  for (const row of text.split('\n')) {
    if (row.startsWith('# HELP ')) {
      const [, name, help] = /^# HELP (\S+) ?(.*)$/.exec(row);
      named(name).help = help.replace(/\\(.)/g, (_, c) => (c === 'n' ? ' ' : c));
    } else if (row.startsWith('# TYPE ')) {
      const [, name, type] = /^# TYPE (\S+) (\S+)/.exec(row);
      named(name).type = type;
    } else if (row && row[0] !== '#') {
      const match = line.exec(row);
      if (match) sample(families, family, named, match);
    }
  }
  return families;
}

function sample(families, family, named, [, name, labels = '', value]) {
  const part = /^(?:histogram|summary)$/.test(family?.type) && name.startsWith(family.name) && name.slice(family.name.length);
  const key = { _bucket: 'le', _sum: '', _count: '', '': 'quantile' }[part];
  if (key === undefined) {
    (family?.name === name ? family : named(name)).series.set(labels, number(value));
    return;
  }
  const [rest, at] = key ? split(labels, key) : [labels];
  const series = family.series.get(rest) ?? { buckets: [], quantiles: [], sum: 0, count: 0 };
  family.series.set(rest, series);
  if (key === 'le') series.buckets.push([number(at), number(value)]);
  else if (key) series.quantiles.push([at, number(value)]);
  else series[part.slice(1)] = number(value);
}

/** Quantile q of the observations between two scrapes of one histogram; NaN if there were none. */
export function quantile(q, before, now) {
  const past = before?.count <= now.count ? before.buckets : [];
  const counts = now.buckets.map(([le, count], i) => [le, count - (past[i]?.[1] ?? 0)]);
  const total = counts.at(-1)?.[1] ?? 0;
  if (!(total > 0)) return NaN;
  const rank = q * total;
  const i = counts.findIndex(([, count]) => count >= rank);
  const [upper, count] = counts[i];
  const [lower, below] = i > 0 ? counts[i - 1] : [Math.min(0, upper), 0];
  if (upper === Infinity) return lower;
  return lower + ((upper - lower) * (rank - below)) / Math.max(1e-9, count - below);
}

/** Has it buckets from which quantiles can be told? */
export const bounded = ({ buckets }) => buckets.some(([le]) => le < Infinity);

/** The mean of the observations between two scrapes; NaN if there were none. */
export function mean(before, now) {
  const past = before?.count <= now.count ? before : { sum: 0, count: 0 };
  return (now.sum - past.sum) / (now.count - past.count);
}

/** Histograms (or summaries) of one family added up, so that its quantiles are of everything it saw. */
export function total(family) {
  const sum = { buckets: [], sum: 0, count: 0 };
  for (const series of family.series.values()) {
    series.buckets.forEach(([le, count], i) => {
      (sum.buckets[i] ??= [le, 0])[1] += count;
    });
    sum.sum += series.sum;
    sum.count += series.count;
  }
  return sum;
}
