// What the service's boards ask in more than one place.
import { sel } from '../panels';

/** Of a native histogram where the service has one, which has no steps at its bounds; of a classic one where not. */
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
/** A series that a rule records of the whole job, whatever instance is chosen. */
export const ofJob = (name: string, more = ''): string => `${name}{job=~"$job"${more ? `, ${more}` : ''}}`;
export const route = 'route=~"$route"';
export const queue = 'queue=~"$queue"';
export const organisation = 'organisation_id=~"$organisation_id"';

/** share of part in all, 0 where there is no traffic of the kind, nothing where there is none at all */
export const share = (part: string, all: string): string => `(${part} or 0 * ${all}) / (${all} > 0)`;

/** What has an organisation_id gets the organisation's name beside it; the id where no worker says the name. */
export const named = (expr: string): string =>
  `(${expr}) * on (organisation_id) group_left (name) topk by (organisation_id) (1, organisation_info{job=~"$job"})` +
  ` or on (organisation_id) label_join(${expr}, "name", "", "organisation_id")`;

/** The organisations by their names; chosen are their ids. */
export const organisationVariable = () => ({
  name: 'organisation_id',
  label: 'Organisation',
  query: `query_result(${named('group by (organisation_id) (prospects_processed_total{job=~"$job", instance=~"$instance"})')})`,
  regex: '/name="(?<text>.*)",organisation_id="(?<value>[^"]+)"/',
});
