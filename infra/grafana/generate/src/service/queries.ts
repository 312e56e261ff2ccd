// Query parts shared by the service's dashboards.
import { sel } from '../panels';

/** From the native histogram if there is one, which has no steps at bucket bounds; else from the classic one. */
export const quantile = (q: number, metric: string, by: string, more = ''): string =>
  `histogram_quantile(${q}, sum${by ? ` by (${by})` : ''} (rate(${metric}${sel(more)}[$__rate_interval]))) or ` +
  `histogram_quantile(${q}, sum by (le${by ? `, ${by}` : ''}) (rate(${metric}_bucket${sel(more)}[$__rate_interval])))`;
export const quantiles = (metric: string, by = '', more = '') =>
  [0.5, 0.95, 0.99].map((q) => ({
    expr: quantile(q, metric, by, more),
    legend: `p${q * 100}${by ? ` ${by.split(', ').map((l) => `{{${l}}}`).join(' ')}` : ''}`,
  }));
export const rate = (metric: string, by: string, more = ''): string =>
  `sum by (${by}) (rate(${metric}${sel(more)}[$__rate_interval]))`;
/** A recorded series of the whole job, independent of the selected instance. */
export const ofJob = (name: string, more = ''): string => `${name}{job=~"$job"${more ? `, ${more}` : ''}}`;
export const route = 'route=~"$route"';
export const queue = 'queue=~"$queue"';
export const organisation = 'organisation_id=~"$organisation_id"';

/** Share of `part` in `all`: 0 without traffic of this kind, no value without any traffic. */
export const share = (part: string, all: string): string => `(${part} or 0 * ${all}) / (${all} > 0)`;

/** Adds the organisation's name to a series with an organisation_id; the id if no worker exposes the name. */
export const named = (expr: string): string =>
  `(${expr}) * on (organisation_id) group_left (name) topk by (organisation_id) (1, organisation_info{job=~"$job"})` +
  ` or on (organisation_id) label_join(${expr}, "name", "", "organisation_id")`;

/** Organisations, displayed by name and selected by id. */
export const organisationVariable = () => ({
  name: 'organisation_id',
  label: 'Organisation',
  query: `query_result(${named('group by (organisation_id) (prospects_processed_total{job=~"$job", instance=~"$instance"})')})`,
  regex: '/name="(?<text>.*)",organisation_id="(?<value>[^"]+)"/',
});
