// SPDX-License-Identifier: Apache-2.0
// Reads protobuf as promc writes it (io.prometheus.client.MetricFamily, delimited), and computes with histograms.

const utf8 = new TextDecoder();

/** Calls take(number, value) for each field: an integer, a double, or [from, to] of bytes. */
function fields(view, at, end, take) {
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < end) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) take(tag >>> 3, varint());
    else if (wire === 1) take(tag >>> 3, view.getFloat64((at += 8) - 8, true));
    else if (wire === 2) {
      const length = varint();
      take(tag >>> 3, [at, (at += length)]);
    } else throw new Error(`/metrics: a field of wire type ${wire}`);
  }
}

const zigzag = (n) => (n % 2 ? -(n + 1) / 2 : n / 2);
const text = (view, [from, to]) => utf8.decode(new Uint8Array(view.buffer, view.byteOffset + from, to - from));
const types = ['counter', 'gauge', 'summary', 'untyped', 'histogram', 'histogram'];

/** Integers, packed or one per field. */
function integers(view, list, value) {
  if (typeof value === 'number') return list.push(value);
  const [from, to] = value;
  let [n, scale] = [0, 1];
  for (let at = from; at < to; at++) {
    const byte = view.getUint8(at);
    n += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) {
      list.push(n);
      [n, scale] = [0, 1];
    }
  }
}

function native(schema, spans, deltas, sign, out) {
  let [index, count, at] = [0, 0, 0];
  const bound = (i) => 2 ** (i * 2 ** -schema);
  for (const [offset, length] of spans) {
    index += offset;
    for (let i = 0; i < length; i++, index++) {
      count += zigzag(deltas[at++]);
      out.push(sign > 0 ? [bound(index - 1), bound(index), count] : [-bound(index), -bound(index - 1), count]);
    }
  }
}

/** { count, sum, native, buckets: [[lower, upper, count], …] ascending, not cumulative } */
function histogram(view, [from, to]) {
  const found = { count: 0, sum: 0, native: false, buckets: [] };
  const [positive, negative] = [{ spans: [], deltas: [] }, { spans: [], deltas: [] }];
  let [schema, zeros, width, last, below] = [0, 0, 0, 0, -Infinity];
  fields(view, from, to, (field, value) => {
    if (field === 1) found.count = value;
    else if (field === 2) found.sum = value;
    else if (field === 3) {
      let [count, upper] = [0, 0];
      fields(view, ...value, (f, v) => (f === 1 ? (count = v) : f === 2 && (upper = v)));
      found.buckets.push([found.buckets.length === 0 && upper > 0 ? 0 : below, upper, count - last]);
      [last, below] = [count, upper];
    } else if (field === 5) schema = zigzag(value);
    else if (field === 6) width = value;
    else if (field === 7) zeros = value;
    else if (field === 9 || field === 12) {
      const span = [0, 0];
      fields(view, ...value, (f, v) => (f === 1 ? (span[0] = zigzag(v)) : (span[1] = v)));
      (field === 12 ? positive : negative).spans.push(span);
    } else if (field === 10 || field === 13) integers(view, (field === 13 ? positive : negative).deltas, value);
  });
  if (positive.spans.length || negative.spans.length || zeros) {
    const low = [];
    native(schema, negative.spans, negative.deltas, -1, low);
    found.native = true;
    found.buckets = low.reverse();
    if (zeros) found.buckets.push([-width, width, zeros]);
    native(schema, positive.spans, positive.deltas, 1, found.buckets);
  }
  return found;
}

function summary(view, [from, to]) {
  const found = { count: 0, sum: 0, quantiles: [] };
  fields(view, from, to, (field, value) => {
    if (field === 1) found.count = value;
    else if (field === 2) found.sum = value;
    else if (field === 3) {
      const pair = [0, 0];
      fields(view, ...value, (f, v) => (pair[f - 1] = v));
      found.quantiles.push(pair);
    }
  });
  return found;
}

function metric(view, [from, to], series) {
  const labels = [];
  let value = 0;
  fields(view, from, to, (field, part) => {
    if (field === 1) {
      const label = ['', ''];
      fields(view, ...part, (f, v) => (label[f - 1] = text(view, v)));
      labels.push(`${label[0]}="${label[1].replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n')}"`);
    } else if (field === 2 || field === 3 || field === 5) fields(view, ...part, (f, v) => f === 1 && (value = v));
    else if (field === 4) value = summary(view, part);
    else if (field === 7) value = histogram(view, part);
  });
  series.set(labels.join(', '), value);
}

/** name → { name, help, type, unit, series: labels → a number, a histogram or a summary } */
export function parse(buffer) {
  const view = buffer instanceof DataView ? buffer : new DataView(buffer);
  const families = new Map();
  let at = 0;
  while (at < view.byteLength) {
    let [length, scale, byte] = [0, 1, 128];
    for (; byte >= 128; scale *= 128) length += ((byte = view.getUint8(at++)) & 127) * scale;
    const family = { name: '', help: '', type: 'counter', unit: '', series: new Map() };
    fields(view, at, at + length, (field, value) => {
      if (field === 1) family.name = text(view, value);
      else if (field === 2) family.help = text(view, value);
      else if (field === 3) family.type = types[value] ?? 'untyped';
      else if (field === 4) metric(view, value, family.series);
      else if (field === 5) family.unit = text(view, value);
    });
    families.set(family.name, family);
    at += length;
  }
  return families;
}

/** The sum of a family's histograms. */
export function total(family) {
  const sum = { count: 0, sum: 0, native: false, buckets: new Map() };
  for (const one of family.series.values()) {
    sum.count += one.count;
    sum.sum += one.sum;
    sum.native ||= one.native;
    for (const [lower, upper, count] of one.buckets) {
      const key = `${lower} ${upper}`;
      sum.buckets.set(key, [lower, upper, (sum.buckets.get(key)?.[2] ?? 0) + count]);
    }
  }
  return sum;
}

/** The buckets of the observations between two totals, ascending; those of `now` if the program restarted in between. */
export function between(before, now) {
  const past = before && before.count <= now.count ? before.buckets : new Map();
  const grown = [...now.buckets].map(([key, [lower, upper, count]]) => [lower, upper, count - (past.get(key)?.[2] ?? 0)]);
  return grown.filter(([, , count]) => count > 0).sort((a, b) => a[1] - b[1] || a[0] - b[0]);
}

/** Interpolates like Prometheus: linear inside a classic bucket, exponential inside a native one. NaN: no observations. */
export function quantile(q, buckets, exponential) {
  let rank = q * buckets.reduce((sum, [, , count]) => sum + count, 0);
  for (const [lower, upper, count] of buckets) {
    if (rank <= count) {
      if (upper === Infinity) return lower;
      if (lower === -Infinity) return upper;
      const part = rank / count;
      return exponential && lower > 0 ? lower * (upper / lower) ** part : lower + (upper - lower) * part;
    }
    rank -= count;
  }
  return buckets.length ? buckets.at(-1)[1] : NaN;
}
