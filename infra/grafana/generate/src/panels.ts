// Panels with our defaults. The type requires a title, a description and a unit for each.
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

export const datasource = { type: 'prometheus', uid: '${datasource}' };

/** The selector of every query, with optional further matchers. */
export const sel = (more = ''): string => `{job=~"$job", instance=~"$instance"${more ? `, ${more}` : ''}}`;

export interface Query {
  expr: string;
  legend?: string;
  exemplar?: boolean;
  instant?: boolean;
  format?: prometheus.PromQueryFormat;
}

/** `at` is where a level begins; the base level is green. Use the thresholds of the alerts in rules/. */
export interface Level {
  at: number;
  color: 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'text';
}

export interface PanelOptions {
  title: string;
  description: string;
  unit: string;
  queries: Query[];
  levels?: Level[];
  base?: Level['color'];
  min?: number;
  max?: number;
  decimals?: number;
  width?: number;
  height?: number;
  /** Text shown without data: a panel that may be empty says why. */
  noValue?: string;
  /** Text shown for values from `from` to `to`. */
  words?: { from: number; to: number; text: string; color: Level['color'] }[];
}

const refIds = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

function targets(queries: Query[]): prometheus.DataqueryBuilder[] {
  return queries.map((query, i) => {
    const target = new prometheus.DataqueryBuilder()
      .refId(refIds[i]!)
      .expr(query.expr)
      .legendFormat(query.legend ?? '__auto')
      .editorMode(prometheus.QueryEditorMode.Code)
      .datasource(datasource);
    if (query.format) target.format(query.format);
    if (query.exemplar) target.exemplar(true);
    return query.instant ? target.instant() : target.range();
  });
}

function thresholds(options: PanelOptions): dashboard.ThresholdsConfigBuilder {
  const steps = [
    { value: null, color: options.base ?? 'green' },
    ...(options.levels ?? []).map((level) => ({ value: level.at, color: level.color })),
  ];
  return new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps(steps as dashboard.Threshold[]);
}

/**
 * Colours by meaning, the same on every dashboard; the last match wins. Other series get a colour by name, so that it does not
 * change when series appear or disappear.
 */
const meanings: { of: RegExp; colors: [string, string][] }[] = [
  {
    of: /\{\{status_code\}\}/,
    colors: [
      ['/^2/', 'green'],
      ['/^3/', 'blue'],
      ['/^4/', 'yellow'],
      ['/^401$|^403$/', 'light-yellow'],
      ['/^429$/', 'orange'],
      ['/^499$/', 'light-orange'],
      ['/^5/', 'red'],
      ['/^503$/', 'dark-red'],
    ],
  },
  { of: /^p\d\d\b/, colors: [['/^p50\\b/', 'light-blue'], ['/^p95\\b/', 'blue'], ['/^p99\\b/', 'purple']] },
  { of: /^\d[hd]$/, colors: [['/^1h$/', 'blue'], ['/^6h$/', 'light-blue'], ['/^1d$/', 'purple'], ['/^3d$/', 'text']] },
  { of: /^oldest (waiting|running)$/, colors: [['/^oldest (waiting|running)$/', 'orange']] },
  { of: /^success=/, colors: [['/^success=true$/', 'green'], ['/^success=false$/', 'red']] },
  {
    of: /^(sent|failed|dropped|\{\{(action|outcome|state)\}\})$/,
    colors: [['/^(sent|imported|active)$/', 'green'], ['/^(failed|rejected|dropped)$/', 'red'], ['/^idle$/', 'text']],
  },
];

/** Soft maximum of an axis with only zeros, which would otherwise end at 100. */
const smallest: Record<string, number> = { s: 0.01, percentunit: 0.01, bytes: 1024, short: 4 };

type AnyPanel =
  | timeseries.PanelBuilder
  | stat.PanelBuilder
  | heatmap.PanelBuilder
  | bargauge.PanelBuilder
  | table.PanelBuilder;

function withCommon<T extends AnyPanel>(panel: T, options: PanelOptions, width: number, height: number): T {
  panel
    .title(options.title)
    .description(options.description)
    .unit(options.unit)
    .datasource(datasource)
    .span(options.width ?? width)
    .height(options.height ?? height)
    .thresholds(thresholds(options))
    .targets(targets(options.queries));
  if (options.min !== undefined) panel.min(options.min);
  if (options.max !== undefined) panel.max(options.max);
  if (options.decimals !== undefined) panel.decimals(options.decimals);
  if (options.noValue !== undefined) panel.noValue(options.noValue);
  if (options.words) {
    panel.mappings(
      options.words.map(({ from, to, text, color }, index) => ({
        type: dashboard.MappingType.RangeToText,
        options: { from, to, result: { text, color, index } },
      })) as dashboard.ValueMapping[],
    );
  }
  return panel;
}

/** A table below the graph, largest value first, for a variable set of series; a single line for a few fixed ones. */
function legend(options: PanelOptions): common.VizLegendOptionsBuilder {
  const table = options.queries.some(({ legend: text }) => text === undefined || text.includes('{{')) || options.queries.length > 4;
  const built = new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(table ? common.LegendDisplayMode.Table : common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom)
    .calcs(table ? ['lastNotNull', 'max'] : []);
  return table ? built.sortBy('Last *').sortDesc(true) : built;
}

export function graph(options: PanelOptions & { stack?: boolean; softMax?: number }): timeseries.PanelBuilder {
  const panel = withCommon(new timeseries.PanelBuilder(), { min: 0, ...options }, 8, 9)
    .lineWidth(2)
    .fillOpacity(options.stack ? 40 : 8)
    .showPoints(common.VisibilityMode.Never)
    .spanNulls(false)
    .colorScheme(new dashboard.FieldColorBuilder().mode(dashboard.FieldColorModeId.PaletteClassicByName))
    .axisSoftMax(options.softMax ?? smallest[options.unit] ?? 1)
    .legend(legend(options))
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    );
  const meant = meanings.filter(({ of }) => options.queries.some(({ legend: text }) => of.test(text ?? '')));
  for (const [names, color] of meant.flatMap(({ colors }) => colors)) panel.overrideByRegexp(names, [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }]);
  if (options.stack) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (options.levels?.length) {
    // The axis of a share includes its threshold; that of a latency does not.
    if (options.unit === 'percentunit' && !options.max) panel.axisSoftMax(1.2 * options.levels.at(-1)!.at);
    panel.thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
    );
  }
  return panel;
}

/** A tile with one number and no sparkline; the graph is further down. */
export function single(options: PanelOptions): stat.PanelBuilder {
  return withCommon(new stat.PanelBuilder(), options, 3, 4)
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .textMode(common.BigValueTextMode.Value)
    .text(new common.VizTextDisplayOptionsBuilder().valueSize(28))
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''));
}

export function bars(options: PanelOptions): bargauge.PanelBuilder {
  return withCommon(new bargauge.PanelBuilder(), { min: 0, ...options }, 8, 9)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .orientation(common.VizOrientation.Horizontal)
    .showUnfilled(true)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''));
}

/** Buckets of a histogram over time. */
export function heat(options: PanelOptions): heatmap.PanelBuilder {
  return withCommon(new heatmap.PanelBuilder(), options, 12, 9)
    .calculate(false)
    .yAxis(new heatmap.YAxisConfigBuilder().unit(options.unit))
    .color(
      new heatmap.HeatmapColorOptionsBuilder()
        .mode(heatmap.HeatmapColorMode.Scheme)
        .scheme('Oranges')
        .steps(64)
        .exponent(0.5),
    )
    .rowsFrame(new heatmap.RowsHeatmapOptionsBuilder().layout(common.HeatmapCellLayout.Auto));
}

export interface Columns {
  hide?: string[];
  rename?: Record<string, string>;
  order?: string[];
  /** Units of columns, by displayed name, that differ from the panel's. */
  units?: Record<string, string>;
  /** Displayed name of a column, and whether the largest value comes first. */
  sort: { by: string; desc?: boolean }[];
  /** Links of a column's values, by displayed name: a URL with ${__value.text} and ${__data.fields.NAME}. */
  links?: Record<string, string>;
  /** Join several queries: one row for each value of this label. */
  join?: string;
}

export function list(options: PanelOptions & Columns): table.PanelBuilder {
  const hide = Object.fromEntries((options.hide ?? []).map((name) => [name, true]));
  const panel = withCommon(new table.PanelBuilder(), options, 12, 8)
    .showHeader(true)
    .sortBy(options.sort.map(({ by, desc }) => new common.TableSortByFieldStateBuilder().displayName(by).desc(desc ?? false)));
  if (options.join) panel.withTransformation({ id: 'joinByField', options: { byField: options.join, mode: 'outer' } });
  for (const [name, unit] of Object.entries(options.units ?? {})) panel.overrideByName(name, [{ id: 'unit', value: unit }]);
  for (const [name, url] of Object.entries(options.links ?? {})) panel.overrideByName(name, [{ id: 'links', value: [{ title: '${__value.text}', url }] }]);
  return panel.withTransformation({
    id: 'organize',
    options: {
      excludeByName: { Time: true, ...hide },
      renameByName: options.rename ?? {},
      indexByName: Object.fromEntries((options.order ?? []).map((name, i) => [name, i])),
    },
  });
}

export const row = (title: string): dashboard.RowBuilder => new dashboard.RowBuilder(title);
