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

export interface FieldDefaults {
  unit?: string;
  decimals?: number;
  min?: number;
  max?: number;
  noValue?: string;
  thresholds?: { mode: string; steps: Threshold[] };
  custom?: Record<string, unknown>;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: GridPos;
  targets?: Target[];
  fieldConfig?: { defaults: FieldDefaults };
  options?: Record<string, any>;
  transformations?: Array<{ id: string; options: Record<string, any> }>;
  collapsed?: boolean;
  panels?: Panel[];
}

export interface Variable {
  name: string;
  label?: string;
  type: string;
  query?: string | { query: string };
  regex?: string;
  allValue?: string;
  multi?: boolean;
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

/** Chosen values by variable; an empty list is All. */
export type Choices = Record<string, string[]>;

export interface Range {
  /** seconds since the epoch */
  from: number;
  to: number;
}
