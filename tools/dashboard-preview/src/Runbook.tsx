// Renders a section of a runbook: paragraphs, lists, code, emphasis and links. The runbooks use no other Markdown; other syntax stays text.
import type { ComponentChildren } from 'preact';

export interface Places {
  /** values for $API, $PROM, $AM and $PAGE */
  addresses: Record<string, string>;
  /** a link to the page of an alert; undefined: it has none */
  alert: (name: string) => string | undefined;
}

const fill = (text: string, { addresses }: Places): string => text.replace(/\$([A-Z]+)\b/g, (whole, name: string) => addresses[name] ?? whole);

function code(text: string, places: Places): ComponentChildren {
  const filled = fill(text, places);
  return /^http:\/\/[^\s`]+$/.test(filled) ? <a href={filled}><code>{filled.replace('http://', '')}</code></a> : <code>{filled}</code>;
}

function link(text: string, target: string, places: Places): ComponentChildren {
  const section = /\.md#([a-z]+)$/.exec(target)?.[1];
  if (section) return words(text, places);
  return /^https?:\/\//.test(target) ? <a href={target} rel="noreferrer">{text}</a> : text;
}

/** Names of alerts become links to their pages. */
const words = (text: string, places: Places): ComponentChildren[] =>
  text.split(/\b([A-Z][a-z]+[A-Z]\w+)\b/).map((part, i) => {
    const target = i % 2 ? places.alert(part) : undefined;
    return target ? <a href={target}>{part}</a> : part;
  });

const PATTERN = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*]+)\*|\[([^\]]+)\]\(([^)\s]+)\)/g;

export function inline(text: string, places: Places): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let at = 0;
  for (const match of text.matchAll(PATTERN)) {
    parts.push(...words(text.slice(at, match.index), places));
    const [whole, quoted, strong, weak, label, target] = match;
    if (quoted) parts.push(code(quoted, places));
    else if (strong) parts.push(<strong>{inline(strong, places)}</strong>);
    else if (weak) parts.push(<em>{inline(weak, places)}</em>);
    else parts.push(link(label!, target!, places));
    at = match.index + whole.length;
  }
  return [...parts, ...words(text.slice(at), places)];
}

type Block = { kind: 'text' | 'code'; text: string } | { kind: 'list'; ordered: boolean; items: string[] };

export function blocks(text: string): Block[] {
  const found: Block[] = [];
  let fresh = true; // a blank line ends a paragraph
  let fenced = false;
  for (const line of text.split('\n')) {
    const last = found.at(-1);
    const item = /^(?:[-*]|\d+\.) +(.*)$/.exec(line);
    if (/^\s*```/.test(line)) {
      if (!fenced) found.push({ kind: 'code', text: '' });
      fenced = !fenced;
      fresh = true;
    } else if (fenced && last?.kind === 'code') {
      last.text += `${line}\n`;
    } else if (!line.trim()) {
      fresh = true;
    } else if (item) {
      if (last?.kind === 'list') last.items.push(item[1]!);
      else found.push({ kind: 'list', ordered: /^\d/.test(line), items: [item[1]!] });
      fresh = false;
    } else if (last?.kind === 'list' && (!fresh || /^\s/.test(line))) {
      last.items.push(`${last.items.pop()} ${line.trim()}`);
      fresh = false;
    } else if (last?.kind === 'text' && !fresh) {
      last.text += ` ${line.trim()}`;
    } else {
      found.push({ kind: 'text', text: line.trim() });
      fresh = false;
    }
  }
  return found;
}

export function Runbook({ text, places }: { text: string; places: Places }) {
  return (
    <div className="runbook">
      {blocks(text).map((block, i) => {
        if (block.kind === 'code') return <pre key={i} tabIndex={0}>{fill(block.text, places)}</pre>;
        if (block.kind === 'list') {
          const items = block.items.map((item, k) => <li key={k}>{inline(item, places)}</li>);
          return block.ordered ? <ol key={i}>{items}</ol> : <ul key={i}>{items}</ul>;
        }
        const heading = /^\*\*([^*]+)\*\*$/.exec(block.text);
        return heading ? <h3 key={i}>{heading[1]}</h3> : <p key={i}>{inline(block.text, places)}</p>;
      })}
    </div>
  );
}
