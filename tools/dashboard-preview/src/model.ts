// The parts of a dashboard's JSON that the page reads.
export interface Target {
  refId: string;
  expr: string;
  legendFormat?: string;
  instant?: boolean;
  exemplar?: boolean;
  hide?: boolean;
}

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Threshold {
  value: number | null;
  color: string;
}

export interface Mapping {
  type: string;
  options: { from?: number | null; to?: number | null; result: { text?: string; color?: string } };
}

export interface FieldDefaults {
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  noValue?: string;
  thresholds?: { mode: string; steps: Threshold[] };
  mappings?: Mapping[];
  custom?: Record<string, any>;
}

export interface Override {
  matcher: { id: string; options: string };
  properties: Array<{ id: string; value?: any }>;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: GridPos;
  targets?: Target[];
  fieldConfig?: { defaults: FieldDefaults; overrides?: Override[] };
  options?: Record<string, any>;
  transformations?: Array<{ id: string; options: Record<string, any> }>;
}

export interface Variable {
  name: string;
  label?: string;
  type: string;
  query?: string | { query: string };
  regex?: string;
  allValue?: string;
  current?: { value?: string | string[] };
}

export interface Annotation {
  name: string;
  enable: boolean;
  iconColor: string;
  expr: string;
  titleFormat?: string;
  textFormat?: string;
}

export interface Dashboard {
  uid: string;
  title: string;
  description?: string;
  time?: { from: string; to: string };
  refresh?: string;
  panels: Panel[];
  templating: { list: Variable[] };
  annotations: { list: Annotation[] };
}

/** Chosen values by variable; ['$__all'] is All. Without an entry the board's default applies. */
export type Choices = Record<string, string[]>;

export interface Range {
  /** seconds since the epoch */
  from: number;
  to: number;
}

/** An annotation: an event at a time. */
export interface Mark {
  /** seconds */
  time: number;
  color: string;
  title: string;
  text: string;
  /** of the alert that the page is about */
  strong?: boolean;
}
