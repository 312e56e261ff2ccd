// What all dashboards share: uid, variables, annotations, links between dashboards.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { datasource, sel } from './panels';

export interface Variable {
  name: string;
  label: string;
  query: string;
  /** The default selection; without: All. */
  chosen?: string;
  /** All means the listed values, not everything. */
  allIsListed?: boolean;
  /** For query_result(): the groups `text` (displayed) and `value` (selected) of a series. */
  regex?: string;
}

function queryVariable(variable: Variable): dashboard.QueryVariableBuilder {
  const chosen = variable.chosen
    ? { text: [variable.chosen], value: [variable.chosen], selected: true }
    : { text: ['All'], value: ['$__all'], selected: true };
  const built = new dashboard.QueryVariableBuilder(variable.name)
    .label(variable.label)
    .datasource(datasource)
    .query({ query: variable.query, refId: `variable-${variable.name}` })
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .current(chosen);
  if (variable.regex) built.regex(variable.regex);
  return variable.allIsListed ? built : built.allValue('.+');
}

const datasourceVariable = (): dashboard.DatasourceVariableBuilder =>
  new dashboard.DatasourceVariableBuilder('datasource')
    .label('Data source')
    .type('prometheus')
    .current({ text: 'Prometheus', value: 'prometheus', selected: true });

function annotation(name: string, color: string, expr: string, title: string, text: string): dashboard.AnnotationQueryBuilder {
  const query = new dashboard.AnnotationQueryBuilder().name(name).datasource(datasource).enable(true).iconColor(color).expr(expr);
  // The SDK has no fields for these, which Grafana's Prometheus data source reads.
  const built = query.build() as unknown as Record<string, unknown>;
  built.titleFormat = title;
  built.textFormat = text;
  built.step = '60s';
  return query;
}

export interface BoardOptions {
  uid: string;
  title: string;
  description: string;
  tags: string[];
  /** A metric that every instance of the job has; source of the variables job and instance. */
  anchor: string;
  /** The job selected by default. */
  job?: string;
  variables?: Variable[];
  /** Series whose appearance marks a deploy, e.g. the build info. */
  deploy?: string;
}

export function board(options: BoardOptions): dashboard.DashboardBuilder {
  const builder = new dashboard.DashboardBuilder(options.title)
    .uid(options.uid)
    .description(options.description)
    .tags(options.tags)
    .readonly()
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .withVariable(datasourceVariable())
    .withVariable(
      queryVariable({
        name: 'job',
        label: 'Job',
        query: `label_values(${options.anchor}, job)`,
        chosen: options.job,
        // A dashboard for one kind of program must not show others: `.+` would include Prometheus.
        allIsListed: options.anchor !== 'up',
      }),
    )
    .withVariable(
      queryVariable({ name: 'instance', label: 'Instance', query: `label_values(${options.anchor}{job=~"$job"}, instance)` }),
    );
  for (const variable of options.variables ?? []) builder.withVariable(queryVariable(variable));
  builder.annotation(
    annotation(
      'Alerts',
      'red',
      `ALERTS{alertstate="firing", alertname!="Watchdog", job=~"$job|"}`,
      '{{alertname}}',
      '{{severity}} · {{component}}',
    ),
  );
  if (options.deploy) {
    const now = `count by (version, revision) (${options.deploy}${sel()})`;
    const before = `count by (version, revision) (${options.deploy}${sel()} offset 5m)`;
    builder.annotation(annotation('Deploys', 'blue', `${now} unless ${before}`, 'Deploy', '{{version}} {{revision}}'));
  }
  builder.link(
    new dashboard.DashboardLinkBuilder('Dashboards').type(dashboard.DashboardLinkType.Dashboards).tags(['promc']).asDropdown(true).keepTime(true),
  );
  return builder;
}
