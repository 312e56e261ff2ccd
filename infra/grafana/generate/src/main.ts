// Writes the boards, or says how the committed ones differ from what would be written.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import { ingestApi } from './ingest-api';
import { monitoringHealth } from './monitoring-health';
import { oneOrganisation } from './organisation';
import { promc } from './promc';

/** Panel ids are part of links into a board: number them by place, rows included. */
function numbered(board: Dashboard): Dashboard {
  (board.panels as (Panel | RowPanel)[]).forEach((panel, i) => {
    panel.id = i + 1;
  });
  return board;
}

/** A paragraph a panel, from the same descriptions that the boards carry. */
function reference(boards: Dashboard[]): string {
  const out = [
    '# Dashboards',
    '',
    'Made by `make dashboards` from [infra/grafana/generate](../../infra/grafana/generate), as are the boards themselves; edit that.',
    'The pictures are made by `make pictures`: the boards while a process holds the database of `make demo`, drawn by',
    '[tools/dashboard-preview](../../tools/dashboard-preview), a page of 130 kB that stands in for Grafana.',
    '`make run` shows them on http://localhost:3001; `make grafana-up` puts Grafana itself there where Docker answers.',
    '',
    'A quantile of a classic histogram is a guess between two bounds, and moves in steps at 0.5 and 1 s. Where Prometheus takes native histograms',
    '(those of `make run` do), `PROMC_OVERRIDES="http_request_duration_seconds histogram=both"` has p95 exact to a few per cent, and the heatmap finer:',
    'the boards and the rules read the native one where it is there.',
  ];
  for (const board of boards) {
    out.push('', `## ${board.title}`, '', `${board.description}`, '', `![${board.title}](../images/${board.uid}.png)`);
    for (const panel of (board.panels ?? []) as (Panel | RowPanel)[]) {
      if (panel.type === 'row') {
        out.push('', `### ${board.title}: ${panel.title}`);
        continue;
      }
      const { title, description, fieldConfig } = panel as Panel;
      const steps = fieldConfig?.defaults.thresholds?.steps.filter((step) => step.value !== null) ?? [];
      const levels = steps.map((step) => `${step.color} from ${step.value}`).join(', ');
      out.push('', `**${title}.** ${description}${levels ? ` Colours: ${levels}${unitName(fieldConfig?.defaults.unit)}.` : ''}`);
    }
  }
  return `${out.join('\n')}\n`;
}

const unitName = (unit?: string): string => ({ s: ' s', percentunit: ' (1 is 100 %)', bytes: ' bytes', ops: '/s', mps: '/s', reqps: '/s' })[unit ?? ''] ?? '';

export function main(folder: string, check: boolean): number {
  const boards = [ingestApi(), oneOrganisation(), monitoringHealth(), promc()].map(numbered);
  const files = new Map(boards.map((board) => [`${board.uid}.json`, `${JSON.stringify(board, null, 2)}\n`]));
  files.set('../../../docs/service/dashboards.md', reference(boards));
  if (!check) {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    console.log(`${boards.length} boards and their description written`);
    return 0;
  }
  let wrong = 0;
  for (const [name, text] of files) {
    const path = join(folder, name);
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
      console.error(`${path} differs from what infra/grafana/generate writes: run 'make dashboards'`);
      wrong++;
    }
  }
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.json') && !files.has(name)) {
      console.error(`${join(folder, name)} is written by nobody`);
      wrong++;
    }
  }
  console.log(`${files.size - wrong} of ${files.size} files are up to date`);
  return wrong ? 1 : 0;
}
