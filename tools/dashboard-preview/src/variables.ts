// Variables of a board: their possible values, and queries with the chosen values filled in.
import type { Choices, Dashboard, Range, Variable } from './model';
import { duration, type Labels, labelValues, queryInstant } from './prometheus';

/** A value as a part of a regular expression, in a text in double quotes. */
const escapeRegex = (value: string): string =>
  value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');

export const ALL = '$__all';

/** The chosen values of a variable: from the URL, else the board's default. */
export function chosenOf(variable: Variable, choices: Choices): string[] {
  const current = variable.current?.value ?? ALL;
  const chosen = choices[variable.name] ?? (Array.isArray(current) ? current : [current]);
  return chosen.length ? chosen : [ALL];
}

/** The regular expression that replaces `$name` in a query. */
function text(variable: Variable, choices: Choices, offered: Option[] | undefined): string {
  let chosen = chosenOf(variable, choices);
  if (chosen.includes(ALL)) {
    if (variable.allValue || !offered?.length) return variable.allValue ?? '.+';
    chosen = offered.map(({ value }) => value);
  }
  if (chosen.length === 1) return escapeRegex(chosen[0]!);
  return `(${chosen.map(escapeRegex).join('|')})`;
}

export interface Intervals {
  step: number;
  rate: number;
  range: number;
}

/** As Grafana computes them: a step that fits the width, a rate window of at least four scrapes. */
export function intervals(range: Range, width: number, scrape: number): Intervals {
  const seconds = range.to - range.from;
  const wanted = seconds / Math.max(50, Math.min(1500, width));
  const steps = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  const step = Math.max(scrape, steps.find((s) => s >= wanted) ?? 86400);
  return { step, rate: Math.max(step + scrape, 4 * scrape), range: Math.round(seconds) };
}

/** A possible value, and the text that is shown for it. */
export interface Option {
  value: string;
  text: string;
}
export type Lists = Record<string, Option[]>;

export function interpolate(expr: string, variables: Variable[], choices: Choices, times: Intervals, lists: Lists = {}): string {
  const values: Record<string, string> = {
    __rate_interval: `${Math.ceil(times.rate)}s`,
    __interval: `${times.step}s`,
    __range: `${times.range}s`,
    __range_s: String(times.range),
  };
  for (const variable of variables) values[variable.name] = text(variable, choices, lists[variable.name]);
  return expr.replace(/\$\{(\w+)(?::[^}]*)?\}|\$(\w+)/g, (whole, a?: string, b?: string) => values[a ?? b ?? ''] ?? whole);
}

const queryText = (variable: Variable): string =>
  typeof variable.query === 'string' ? variable.query : (variable.query?.query ?? '');

export const chosable = (board: Dashboard): Variable[] => board.templating.list.filter((v) => v.type === 'query');

/** A series as text, as Grafana matches it with a variable's regular expression. */
const written = (labels: Labels): string => `{${Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(',')}}`;

/** The possible values of one variable; `lists` has those of the variables before it. */
async function offered(variable: Variable, variables: Variable[], choices: Choices, range: Range, lists: Lists): Promise<Option[]> {
  const only = variable.regex ? new RegExp(variable.regex.replace(/^\/|\/$/g, '')) : undefined;
  const filled = (query: string): string => interpolate(query, variables, choices, intervals(range, 1000, 15), lists);
  const [, result] = /^query_result\((.*)\)$/s.exec(queryText(variable).trim()) ?? [];
  if (result && only) {
    const series = await queryInstant(filled(result), range.to);
    const found = series.map(({ labels }) => only.exec(written(labels))?.groups ?? {});
    return found.flatMap(({ text, value }) => (text && value ? [{ value, text }] : [])).sort((a, b) => a.text.localeCompare(b.text));
  }
  const match = /^label_values\((?:(.*),\s*)?(\w+)\)$/s.exec(queryText(variable).trim());
  if (!match) throw new Error(`variable "${variable.name}": only label_values(), and query_result() with a regular expression, are supported`);
  const values = await labelValues(match[2]!, match[1] ? filled(match[1]) : undefined, range);
  return values.filter((value) => !only || only.test(value)).map((value) => ({ value, text: value }));
}

/** The possible values of all variables. Each depends on the choices before it. */
export async function options(board: Dashboard, choices: Choices, range: Range): Promise<Lists> {
  const variables = chosable(board);
  const lists: Lists = {};
  // A variable's query may need the values of "All" of an earlier one, so they run in order.
  for (const variable of variables) lists[variable.name] = await offered(variable, variables, choices, range, lists);
  return lists;
}

/** Converts "now-1h" or milliseconds to seconds since the epoch. */
export function seconds(text: string, now: number): number {
  const match = /^now(?:-(\w+))?$/.exec(text);
  if (match) return now - (match[1] ? duration(match[1]) : 0);
  return Number(text) / 1000;
}
