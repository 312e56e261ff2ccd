// Chooses the panels for an alert: first those whose description names it, then those that show series of its rule, then others of its section of the board.
import type { Dashboard, Panel } from './model';

const MOST = 6;
const LEAST = 4; // with fewer matching panels, add others of its section of the board
const parts: Record<string, RegExp> = { api: /^HTTP by route/, database: /^Database/, queue: /^Queue|^Broker/, business: /^Business/, system: /^System/, monitoring: /./ };
const graphs = new Set(['timeseries', 'heatmap', 'table', 'bargauge']);

/** The metric families in an expression: the names before a brace, without a histogram's suffixes. */
const families = (expr: string): Set<string> => new Set([...expr.matchAll(/([a-zA-Z_:][\w:]*)\s*\{/g)].map(([, name]) => name!.replace(/_(bucket|sum|count)$/, '')));

/** The families that an expression reads, including those behind recorded series. */
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

/** The share of leading words that two names have in common: 3/4 for db_connection_pool_size and db_connection_pool_wait. */
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

/** The board reduced to the alert's panels, two in a row. @param expr the rule's expression  @param component its section of the board */
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

/** The rule of an alert. Of several with its name (ErrorBudgetBurn has one for each window) the one whose labels the alert has. */
export function ruleOf<R extends { name: string; labels?: Record<string, string> }>(rules: R[], name: string, labels: Record<string, string>): R | undefined {
  const named = rules.filter((rule) => rule.name === name);
  return named.find((rule) => Object.entries(rule.labels ?? {}).every(([label, value]) => (labels[label] ?? value) === value)) ?? named[0];
}

/** Fills in {{ $labels.NAME }} of an annotation; other templates become "…". For alerts that no longer fire. */
export const annotation = (text: string | undefined, labels: Record<string, string>): string =>
  (text ?? '').replace(/\{\{\s*\$labels\.(\w+)\s*\}\}/g, (_, name: string) => labels[name] ?? '…').replace(/\{\{[^}]*\}\}/g, '…');
