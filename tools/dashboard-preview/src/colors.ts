// Colours: Grafana's names in two themes. A series gets its colour from the board's overrides, else from its name, so that a zoom changes no colour.
import type { Panel, Threshold } from './model';

export type Theme = 'dark' | 'light';

const named: Record<string, [dark: string, light: string]> = {
  green: ['#73bf69', '#1a7f37'],
  'light-blue': ['#8ab8ff', '#4a90e2'],
  blue: ['#5794f2', '#0b5cc4'],
  purple: ['#b877d9', '#7b3fa0'],
  yellow: ['#fade2a', '#8a6d00'],
  'light-yellow': ['#ffee52', '#b08d00'],
  orange: ['#ff9830', '#b54708'],
  'light-orange': ['#ffb357', '#d97a2b'],
  red: ['#ff6374', '#c4162a'],
  'dark-red': ['#c4162a', '#7d0c19'],
  text: ['#9aa0a8', '#5f6570'],
};

/** Without red and green, which have a meaning. */
const palette: Array<[string, string]> = [
  ['#5794f2', '#0b5cc4'], ['#ff9830', '#b54708'], ['#b877d9', '#7b3fa0'], ['#fade2a', '#8a6d00'], ['#4fc3c7', '#0f7b80'],
  ['#ff9eb5', '#b02a5b'], ['#8ab8ff', '#4a90e2'], ['#c8b27a', '#75602a'], ['#a3a7ff', '#4a4fc0'], ['#ffb357', '#d97a2b'],
  ['#d0a3ee', '#a061c4'], ['#6fd3ff', '#0a74a6'], ['#e6c94a', '#a07c00'], ['#8fd6c3', '#2b7f6a'], ['#d98c6a', '#8f4a2a'],
  ['#b0bec5', '#546e7a'], ['#f29cf0', '#9c2f99'], ['#9fb7d9', '#3e5f8f'], ['#ffd59e', '#a86a1c'], ['#c5c9ff', '#6a6fd0'],
];

export const colorOf = (name: string, theme: Theme): string => named[name]?.[theme === 'dark' ? 0 : 1] ?? (name.startsWith('#') ? name : named.text![0]);

function hash(text: string): number {
  let value = 2166136261;
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0)!, 16777619);
  return value >>> 0;
}

const pattern = (text: string): RegExp => {
  const match = /^\/(.*)\/$/.exec(text);
  return new RegExp(match ? match[1]! : text);
};

/** The fixed colour in the board's overrides for a name; the last match counts. */
function meant(panel: Panel, name: string): string | undefined {
  let found: string | undefined;
  for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
    const color = properties.find(({ id }) => id === 'color')?.value?.fixedColor;
    const matches = matcher.id === 'byRegexp' ? pattern(matcher.options).test(name) : matcher.id === 'byName' && matcher.options === name;
    if (color && matches) found = color;
  }
  return found;
}

const ALIKE = 100; // distance() is at most 765; nearer colours cannot be told apart
const parts = (color: string) => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)) as [number, number, number];

/** How different two colours look ("redmean": weights that depend on the red of both). */
export function distance(a: string, b: string): number {
  const [first, second] = [parts(a), parts(b)];
  const red = (first[0] + second[0]) / 2;
  const [r, g, b_] = [0, 1, 2].map((i) => (first[i]! - second[i]!) ** 2) as [number, number, number];
  return Math.sqrt((2 + red / 256) * r + 4 * g + (2 + (255 - red) / 256) * b_);
}

/** The first colour from `at` that differs enough from all used ones; else the first unused one; else `at`. */
function free(at: number, taken: Set<number>): number {
  const order = palette.map((_, i) => (at + i) % palette.length).filter((i) => !taken.has(i));
  const apart = order.find((i) => [...taken].every((other) => distance(palette[i]![0], palette[other]![0]) > ALIKE));
  return apart ?? order[0] ?? at;
}

/** A colour for each name. If two names would get similar colours, the later one in the alphabet gets another. */
export function seriesColors(panel: Panel, names: string[], theme: Theme): Map<string, string> {
  const taken = new Set<number>();
  const colors = new Map<string, string>();
  for (const name of [...names].sort()) {
    const fixed = meant(panel, name);
    if (fixed) {
      colors.set(name, colorOf(fixed, theme));
      continue;
    }
    const at = free(hash(name) % palette.length, taken);
    taken.add(at);
    colors.set(name, palette[at]![theme === 'dark' ? 0 : 1]);
  }
  return colors;
}

/** The colour of the highest threshold that the value reaches. */
export function levelColor(steps: Threshold[] | undefined, value: number | null, theme: Theme): string {
  let color = 'text';
  for (const step of steps ?? []) if (step.value === null || (value !== null && value >= step.value)) color = step.color;
  return colorOf(color, theme);
}
