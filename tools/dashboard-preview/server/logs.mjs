// Searches the log files of a run from the newest line backwards. A binary search skips lines that are too new (times only rise). The search stops
// at the first line that is too old, when it has enough lines, or after BUDGET bytes of a file.
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as others } from 'node:timers/promises';
import { Fault } from './answer.mjs';

const CHUNK = 256 * 1024; // bytes read at once
const BUDGET = 64 << 20; // bytes of one file that a search may read
const LONGEST = 4096; // characters of a line that are shown
const MOST = 1000; // lines in a response
export const LEVELS = ['debug', 'info', 'warn', 'error'];
const NAME = /^([A-Za-z0-9_-]+)\.log(?:\.\d+)?$/;

const numbered = (level) => (level >= 50 ? 'error' : level >= 40 ? 'warn' : level >= 30 ? 'info' : 'debug');
const named = { trace: 'debug', debug: 'debug', info: 'info', warn: 'warn', warning: 'warn', error: 'error', fatal: 'error', critical: 'error' };

/** The time of a line in ms since the epoch, without parsing all of it; NaN: it has none. */
export function timeOf(line) {
  if (line.startsWith('{')) {
    const match = /"time":(\d{13})\b/.exec(line);
    return match ? Number(match[1]) : NaN;
  }
  const match = /^(?:ts|time)="?(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))|^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d+)?)/.exec(line);
  if (!match) return NaN;
  return Date.parse(match[1] ?? `${match[2]}T${match[3].replace(',', '.')}`);
}

/** Whether a line of the service is below a level, without parsing all of it. */
const isBelow = (line, least) => {
  const match = /^\{"level":(\d+),/.exec(line);
  return match !== null && LEVELS.indexOf(numbered(Number(match[1]))) < least;
};

/** Parses a line: the JSON of the service, the logfmt of Prometheus, else plain text. */
export function parse(line) {
  const time = timeOf(line);
  if (line.startsWith('{')) {
    try {
      const { level, time: _, pid, hostname, msg, reqId, ...fields } = JSON.parse(line);
      return { time, level: numbered(level), id: reqId ?? '', text: String(msg ?? ''), fields };
    } catch {
      return { time, level: 'info', id: '', text: line, fields: {} }; // cut off or not JSON
    }
  }
  const pairs = Object.fromEntries([...line.matchAll(/(?:^|\s)([A-Za-z_][\w.]*)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)].map(([, name, quoted, plain]) => [name, quoted?.replace(/\\(.)/g, '$1') ?? plain]));
  if (pairs.level && pairs.msg !== undefined) {
    const { ts: _, time: __, level, msg, caller: ___, source: ____, ...fields } = pairs;
    return { time, level: named[level.toLowerCase()] ?? 'info', id: '', text: msg, fields };
  }
  return { time, level: named[/^(?:[\w-]+: )?(error|warn(?:ing)?|fatal|critical)\b/i.exec(line)?.[1].toLowerCase()] ?? 'info', id: '', text: line, fields: {} };
}

const read = async (file, at, length) => {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
};
/** The times of the lines that begin in a part of the file. */
const timesAt = async (file, at, length) =>
  (await read(file, at, length)).toString('utf8').split('\n').slice(at > 0 ? 1 : 0).map(timeOf).filter((time) => !Number.isNaN(time));

/** The offset to read backwards from: shortly after the last line that is not newer than `to`. Binary search. */
async function beginAt(file, size, to, newest) {
  if (newest === undefined || newest <= to) return size;
  let [low, high] = [0, size]; // lines at low are old enough, lines at high are too new
  while (high - low > CHUNK) {
    const middle = Math.floor((low + high) / 2);
    const [time] = await timesAt(file, middle, CHUNK / 4);
    if (time === undefined || time > to) high = middle;
    else low = middle;
  }
  return Math.min(size, high + CHUNK / 4);
}

/** Yields the lines before `end`, last line first, as [line, offset]. A line may span chunks. */
async function* backwards(file, end, budget) {
  let rest = Buffer.alloc(0);
  let at = end;
  while (at > 0) {
    const length = Math.min(CHUNK, at);
    if (budget.left < length) {
      budget.spent = true;
      return;
    }
    budget.left -= length;
    at -= length;
    rest = Buffer.concat([await read(file, at, length), rest.subarray(0, 16 * LONGEST)]);
    let stop = rest.length;
    for (let i = rest.lastIndexOf(10, stop - 1); i >= 0; i = i ? rest.lastIndexOf(10, i - 1) : -1) {
      if (stop > i + 1) yield [rest.toString('utf8', i + 1, Math.min(stop, i + 1 + 16 * LONGEST)), at + i + 1];
      stop = i;
    }
    rest = rest.subarray(0, stop);
    await others(); // let other requests run
  }
  if (rest.length) yield [rest.toString('utf8'), 0];
}

/** {req: {method: "GET"}} becomes {"req.method": "GET"}; all values become text. */
function flat(fields, prefix = '') {
  return Object.entries(fields).flatMap(([key, value]) =>
    value !== null && typeof value === 'object' ? Object.entries(flat(value, `${prefix}${key}.`)) : [[`${prefix}${key}`, String(value).slice(0, LONGEST)]],
  ).reduce((all, [key, value]) => ({ ...all, [key]: value }), {});
}

/** Collects the lines of a search, up to `limit`. */
class Lines {
  constructor(limit) {
    this.limit = limit;
    this.found = [];
  }

  /** @return whether there is room for more */
  add(line) {
    this.found.push(line);
    return this.found.length < this.limit;
  }
}

/** Lines with the same text are of different kinds if one of these fields differs. */
const KIND = ['component', 'route', 'queue', 'operation', 'status', 'statusCode', 'code', 'reason', 'error'];

/** Groups lines that differ only in numbers and ids. Each group has its count, first and last time, and one of its lines. */
class Kinds {
  constructor(limit) {
    this.limit = limit;
    this.kinds = new Map();
  }

  get found() {
    return [...this.kinds.values()];
  }

  add(line) {
    const key = JSON.stringify([line.source, line.level, line.text.replace(/[\w.-]*\d[\w.-]*/g, '#'), ...KIND.map((name) => line.fields[name])]);
    const kind = this.kinds.get(key);
    if (kind) {
      kind.count++;
      kind.first = line.time; // lines come newest first
      return true;
    }
    this.kinds.set(key, { ...line, count: 1, first: line.time });
    return this.kinds.size < this.limit;
  }
}

async function searchFile(path, name, { from, to, level, id, text, limit, kinds, signal }) {
  const found = kinds ? new Kinds(limit) : new Lines(limit);
  const budget = { left: BUDGET, spent: false };
  let file;
  try {
    // Do not follow links: show only files of this folder.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const stat = await file.stat();
    if (!stat.isFile() || stat.mtimeMs < from) return { found: [], cut: false };
    const begin = Math.max(0, stat.size - CHUNK);
    const newest = (await timesAt(file, begin, stat.size - begin)).at(-1);
    if (newest === undefined && stat.mtimeMs > to) return { found: [], cut: false };
    const least = LEVELS.indexOf(level);
    const words = text.toLowerCase();
    let below = []; // lines without a time belong to the line above
    for await (const [line, at] of backwards(file, await beginAt(file, stat.size, to, newest), budget)) {
      if (signal?.aborted) break;
      const time = timeOf(line);
      if (Number.isNaN(time) && newest !== undefined && at > 0) {
        if (below.length < 50) below.unshift(line.slice(0, LONGEST));
        continue;
      }
      const whole = below.length ? [line, ...below].join('\n') : line;
      below = [];
      if (time < from) break;
      if (time > to || isBelow(line, least) || (id && !whole.includes(id)) || (words && !whole.toLowerCase().includes(words))) continue;
      const entry = parse(line);
      if (LEVELS.indexOf(entry.level) < least || (id && entry.id !== id && !entry.text.includes(id) && !Object.values(entry.fields).includes(id))) continue;
      const more = whole.slice(line.length);
      const made = { ...entry, time: Number.isNaN(entry.time) ? stat.mtimeMs : entry.time, text: (entry.text + more).slice(0, LONGEST), source: name, fields: flat(entry.fields) };
      if (!found.add(made)) {
        budget.spent = true;
        break;
      }
    }
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ELOOP') return { found: found.found, cut: budget.spent, fault: `${name}.log: ${error.code ?? error.message}` };
  } finally {
    await file?.close();
  }
  return { found: found.found, cut: budget.spent };
}

/** Parses the URL's query: from, to (ms), level, id, text, source, limit, kinds. @throws Fault 400 */
export function question(parameters) {
  const number = (name, otherwise) => {
    const value = parameters.get(name);
    if (value === null || value === '') return otherwise;
    if (!/^\d{1,15}$/.test(value)) throw new Fault(400, `${name} must be a non-negative integer (times are milliseconds since 1970)`);
    return Number(value);
  };
  const level = parameters.get('level') || 'debug';
  if (!LEVELS.includes(level)) throw new Fault(400, `level must be one of ${LEVELS.join(', ')}`);
  return {
    from: number('from', 0),
    to: number('to', Infinity),
    limit: Math.min(MOST, Math.max(1, number('limit', 200))),
    level,
    id: (parameters.get('id') ?? '').slice(0, 200),
    text: (parameters.get('text') ?? '').slice(0, 200),
    source: parameters.get('source') ?? '',
    kinds: parameters.get('kinds') === '1',
  };
}

/** @return {lines: newest first, or one of each kind with `count` and `first`; sources; cut: there may be more lines; faults} */
export async function search(folder, asked) {
  const names = (await readdir(folder, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile() && NAME.test(entry.name))
    .map(({ name }) => name);
  const sourceOf = (name) => NAME.exec(name)[1];
  const sources = [...new Set(names.map(sourceOf))].sort();
  const chosen = names.filter((name) => !asked.source || sourceOf(name) === asked.source);
  const answers = [];
  for (const name of chosen) answers.push(await searchFile(join(folder, name), sourceOf(name), asked));
  const lines = answers.flatMap(({ found }) => found).sort((a, b) => b.time - a.time);
  return {
    lines: lines.slice(0, asked.limit),
    sources,
    cut: answers.some(({ cut }) => cut) || lines.length > asked.limit,
    faults: answers.flatMap(({ fault }) => fault ?? []),
  };
}
