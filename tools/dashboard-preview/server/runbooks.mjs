// The Markdown of the docs/runbooks section about an alert; the page renders it.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** @return {file, text} of the section `## NAME`, without its heading; undefined if no file has it */
export function runbook(folder, name) {
  for (const file of readdirSync(folder).filter((one) => one.endsWith('.md')).sort()) {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    const begin = lines.indexOf(`## ${name}`);
    if (begin < 0) continue;
    const length = lines.slice(begin + 1).findIndex((line) => line.startsWith('## '));
    return { file, text: lines.slice(begin + 1, length < 0 ? undefined : begin + 1 + length).join('\n').trim() };
  }
  return undefined;
}
