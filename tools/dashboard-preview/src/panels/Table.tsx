// A table of label sets: one row for each series, or for each value of the label by which the panel joins its queries.
import { useMemo } from 'preact/hooks';
import { levelColor, type Theme } from '../colors';
import { colorOf } from '../colors';
import type { Panel, Target } from '../model';
import type { Series } from '../prometheus';
import { format } from '../units';

type Cell = string | number | null;
type Row = Record<string, Cell>;

const severities: Record<string, [rank: number, color: string]> = { critical: [0, 'red'], warning: [1, 'orange'], none: [2, 'text'] };
const rank = (cell: Cell): Cell => (typeof cell === 'string' && severities[cell] ? severities[cell][0] : cell);

function rowsOf(panel: Panel, answers: Array<[Target, Series[]]>): Row[] {
  const by = panel.transformations?.find(({ id }) => id === 'joinByField')?.options.byField as string | undefined;
  if (!by) return answers.flatMap(([, series]) => series.map(({ labels, points }) => ({ ...labels, Value: points.at(-1)?.[1] ?? null })));
  const rows = new Map<string, Row>();
  for (const [target, series] of answers) {
    for (const { labels, points } of series) {
      const key = labels[by] ?? '';
      const { __name__: _, ...told } = labels;
      rows.set(key, { ...rows.get(key), ...told, [by]: key, [`Value #${target.refId}`]: points.at(-1)?.[1] ?? null });
    }
  }
  return [...rows.values()];
}

/** Applies the panel's transformations: names, order and sorting of columns and rows. */
export function table(panel: Panel, answers: Array<[Target, Series[]]>): { names: string[]; rows: Row[] } {
  const organize = panel.transformations?.find(({ id }) => id === 'organize')?.options ?? {};
  const rename = (name: string): string => organize.renameByName?.[name] ?? name;
  const rows = rowsOf(panel, answers);
  const place = (name: string): number => organize.indexByName?.[name] ?? 1000;
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => !organize.excludeByName?.[name]).sort((a, b) => place(a) - place(b));
  const renamed = rows.map((row) => Object.fromEntries(names.map((name) => [rename(name), row[name] ?? null])));
  const order = (panel.options?.sortBy ?? []) as Array<{ displayName: string; desc?: boolean }>;
  renamed.sort((a, b) => {
    for (const { displayName, desc } of order) {
      const [x, y] = [rank(a[displayName] ?? null), rank(b[displayName] ?? null)];
      if (x === y) continue;
      if (x === null || y === null) return x === null ? 1 : -1;
      return (x < y ? -1 : 1) * (desc ? -1 : 1);
    }
    return 0;
  });
  return { names: names.map(rename), rows: renamed };
}

/** Fills in a cell's link as Grafana does: ${__value.text} and the row's fields. A missing field removes its parameter. */
const filled = (url: string, value: string, row: Row): string =>
  url
    .replaceAll('${__value.text}', encodeURIComponent(value))
    .replace(/[?&][\w-]+=\$\{__data\.fields\.(\w+)\}/g, (whole, name: string) => (row[name] ? whole.replace(/\$\{.*\}/, encodeURIComponent(String(row[name]))) : ''));

export function TablePanel({ panel, answers, height, theme }: { panel: Panel; answers: Array<[Target, Series[]]>; height: number; theme: Theme }) {
  const { names, rows } = useMemo(() => table(panel, answers), [panel, answers]);
  const defaults = panel.fieldConfig?.defaults ?? {};
  const units = new Map((panel.fieldConfig?.overrides ?? []).map(({ matcher, properties }) => [matcher.options, properties.find(({ id }) => id === 'unit')?.value as string | undefined]));
  const links = new Map((panel.fieldConfig?.overrides ?? []).map(({ matcher, properties }) => [matcher.options, properties.find(({ id }) => id === 'links')?.value?.[0]?.url as string | undefined]));
  const cell = (name: string, value: Cell, row: Row) => {
    const link = value !== null && links.get(name);
    if (link) return <a href={filled(link, String(value), row)}>{value}</a>;
    if (typeof value !== 'number') {
      const severity = typeof value === 'string' && name === 'severity' ? severities[value] : undefined;
      return severity ? <b style={{ color: colorOf(severity[1], theme) }}>{value}</b> : value;
    }
    const unit = units.get(name) ?? defaults.unit;
    const text = format(value, unit, unit === defaults.unit ? defaults.decimals : undefined);
    return defaults.thresholds && defaults.thresholds.steps.length > 1 ? <span style={{ color: levelColor(defaults.thresholds.steps, value, theme) }}>{text}</span> : text;
  };
  return (
    <div className="table" style={{ height }} tabIndex={0} role="group" aria-label={panel.title}>
      <table>
        <thead>
          <tr>{names.map((name) => <th key={name} scope="col">{name}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>{names.map((name) => <td key={name} className={typeof row[name] === 'number' ? 'number' : ''}>{cell(name, row[name] ?? null, row)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
