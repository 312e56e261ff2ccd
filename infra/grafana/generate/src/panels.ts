// Panels with the house's defaults. Every panel must come with a title, a description and a unit: the type demands it.
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

export const datasource = { type: 'prometheus', uid: '${datasource}' };

/** The selector that every query carries; more matchers go behind it. */
export const sel = (more = ''): string => `{job=~"$job", instance=~"$instance"${more ? `, ${more}` : ''}}`;

export interface Query {
  expr: string;
  legend?: string;
  exemplar?: boolean;
  instant?: boolean;
  format?: prometheus.PromQueryFormat;
}

/** `at` is where a level begins; the base level is green. Values are those of the alerts in rules/. */
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
  /** Text where there is nothing to draw: a panel that may be empty says why. */
  noValue?: string;
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
  return panel;
}

export function graph(options: PanelOptions & { stack?: boolean; legendTable?: boolean }): timeseries.PanelBuilder {
  const panel = withCommon(new timeseries.PanelBuilder(), { min: 0, ...options }, 8, 8)
    .lineWidth(2)
    .fillOpacity(options.stack ? 40 : 8)
    .showPoints(common.VisibilityMode.Never)
    .spanNulls(false)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(options.legendTable ? common.LegendDisplayMode.Table : common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom)
        .calcs(options.legendTable ? ['lastNotNull', 'max'] : []),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    );
  if (options.stack) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  if (options.levels?.length) {
    // A share is read against its threshold; a latency against itself.
    if (options.unit === 'percentunit' && !options.max) panel.axisSoftMax(1.2 * options.levels.at(-1)!.at);
    panel.thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
    );
  }
  return panel;
}

export function single(options: PanelOptions & { graph?: boolean }): stat.PanelBuilder {
  return withCommon(new stat.PanelBuilder(), options, 4, 4)
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(options.graph === false ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .textMode(common.BigValueTextMode.Auto)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''));
}

export function bars(options: PanelOptions): bargauge.PanelBuilder {
  return withCommon(new bargauge.PanelBuilder(), { min: 0, ...options }, 8, 8)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .orientation(common.VizOrientation.Horizontal)
    .showUnfilled(true)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''));
}

/** Buckets of a classic histogram over time. */
export function heat(options: PanelOptions): heatmap.PanelBuilder {
  return withCommon(new heatmap.PanelBuilder(), options, 12, 8)
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

export function list(options: PanelOptions & { hide?: string[]; rename?: Record<string, string> }): table.PanelBuilder {
  const hide = Object.fromEntries((options.hide ?? []).map((name) => [name, true]));
  return withCommon(new table.PanelBuilder(), options, 12, 8)
    .showHeader(true)
    .withTransformation({
      id: 'organize',
      options: { excludeByName: { Time: true, ...hide }, renameByName: options.rename ?? {} },
    });
}

export const row = (title: string): dashboard.RowBuilder => new dashboard.RowBuilder(title);
