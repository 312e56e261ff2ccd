// Which panels an alert is about: those whose words name it, then those that draw what its rule reads, then the others of its part of the board.
import type { Dashboard, Panel } from './model';

const MOST = 6;
const LEAST = 4; // of an alert with fewer panels, its part of the board is shown too
const parts: Record<string, RegExp> = { api: /^HTTP by route/, database: /^Database/, queue: /^Queue|^Broker/, business: /^Business/, system: /^System/, monitoring: /./ };
const graphs = new Set(['timeseries', 'heatmap', 'table', 'bargauge']);

/** The families in an expression: what stands before a brace, without what a histogram adds. */
const families = (expr: string): Set<string> => new Set([...expr.matchAll(/([a-zA-Z_:][\w:]*)\s*\{/g)].map(([, name]) => name!.replace(/_(bucket|sum|count)$/, '')));

/** What an expression reads in the end: a recorded series stands for what its rule reads. */
export type Recorded = Map<string, string>;
function reads(expr: string, recorded: Recorded, seen = new Set<string>()): Set<string> {
  for (const family of families(expr)) {
    if (seen.has(family)) continue;
    seen.add(family);
    const rule = recorded.get(family);
    if (rule) reads(rule, recorded, seen);
  }
  return seen;
}

/** How much of the longer name two families have in common from the front: db_connection_pool_size and db_connection_pool_wait are kin. */
function kinship(one: string, other: string): number {
  const [a, b] = [one.split('_'), other.split('_')];
  const common = a.findIndex((word, i) => word !== b[i]);
  return (common < 0 ? a.length : common) / Math.max(a.length, b.length);
}

function score(panel: Panel, name: string, read: Set<string>, part: boolean, recorded: Recorded): number {
  if (!graphs.has(panel.type)) return 0;
  const named = new RegExp(`\\b${name}\\b`).test(panel.description ?? '') ? 10 : 0;
  const drawn = reads((panel.targets ?? []).map(({ expr }) => expr).join(' '), recorded);
  const shared = [...drawn].filter((one) => read.has(one)).length / Math.max(1, drawn.size);
  const kin = Math.max(0, ...[...drawn].flatMap((one) => [...read].map((other) => kinship(one, other))));
  return named + (part ? 2 * shared + kin / 2 + 0.01 : shared);
}

/** The board with the alert's panels alone, two in a row. @param expr what its rule reads  @param component the part of the board it is of */
export function incidentBoard(board: Dashboard, name: string, expr: string, component: string, recorded: Recorded): Dashboard {
  const read = reads(expr, recorded);
  let part = false;
  const found = board.panels
    .map((panel) => {
      if (panel.type === 'row') part = parts[component]?.test(panel.title) ?? false;
      return { panel, score: score(panel, name, read, part, recorded) };
    })
    .filter((one) => one.score > 0)
    .sort((a, b) => b.score - a.score)
    .filter((one, i) => i < LEAST || one.score > 1)
    .slice(0, MOST);
  let [x, y] = [0, 0];
  const panels = found.map(({ panel }) => {
    const wide = panel.type === 'table';
    if (wide && x) [x, y] = [0, y + 8];
    const placed = { ...panel, gridPos: { x, y, w: wide ? 24 : 12, h: wide ? 6 : 8 } };
    if (wide) y += 6;
    else if (x) [x, y] = [0, y + 8];
    else x = 12;
    return placed;
  });
  if (panels.length === 1) panels[0]!.gridPos.w = 24;
  return { ...board, panels };
}

/** {{ $labels.NAME }} of an annotation filled in; what must be computed is left out. For an alert that no longer fires. */
export const annotation = (text: string | undefined, labels: Record<string, string>): string =>
  (text ?? '').replace(/\{\{\s*\$labels\.(\w+)\s*\}\}/g, (_, name: string) => labels[name] ?? '…').replace(/\{\{[^}]*\}\}/g, '…');
