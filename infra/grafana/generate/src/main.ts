// Writes the boards, or says how the committed ones differ from what would be written.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import { ingestApi } from './ingest-api';
import { monitoringHealth } from './monitoring-health';
import { promc } from './promc';

/** Panel ids are part of links into a board: number them by place, rows included. */
function numbered(board: Dashboard): Dashboard {
  (board.panels as (Panel | RowPanel)[]).forEach((panel, i) => {
    panel.id = i + 1;
  });
  return board;
}

export function main(folder: string, check: boolean): number {
  const boards = [ingestApi(), monitoringHealth(), promc()].map(numbered);
  const files = new Map(boards.map((board) => [`${board.uid}.json`, `${JSON.stringify(board, null, 2)}\n`]));
  if (!check) {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of files) writeFileSync(join(folder, name), text);
    console.log(`${files.size} boards written to ${folder}`);
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
  console.log(`${files.size - wrong} of ${files.size} boards are up to date`);
  return wrong ? 1 : 0;
}
