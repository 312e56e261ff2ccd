// Availability, health and error budgets: the series that the alerts use.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, list, row, sel, single } from '../panels';
import { named, ofJob, quantile, share } from './queries';

/** The 30-day ratio, recorded every 5 minutes. Before its first record Prometheus has less than a day of data: use the 1-day ratio. */
const month = (name: string): string =>
  `(last_over_time(${ofJob(`${name}:ratio_rate30d`)}[15m]) or ${ofJob(`${name}:ratio_rate1d`)})`;
const budget = (name: string, objective: string): string => `1 - max(${month(name)}) / (1 - max(${objective}))`;
const spent = [{ from: -1e9, to: 0, text: 'used up', color: 'red' as const }];
const budgetLevels = [
  { at: 0, color: 'orange' as const },
  { at: 0.5, color: 'green' as const },
];

const errors = { name: 'job:http_request_errors', objective: 'slo:http_requests_availability:objective' };
const slow = { name: 'job:http_request_duration_seconds_slow', objective: 'slo:http_requests_latency:objective' };

/** Burn rate over each window of the burn alerts. */
const burn = ({ name, objective }: typeof errors) =>
  ['1h', '6h', '1d', '3d'].map((window) => ({
    expr: `max(${ofJob(`${name}:ratio_rate${window}`)}) / (1 - max(${objective}))`,
    legend: window,
  }));

export function overview(b: dashboard.DashboardBuilder): void {
  const requests = `sum(rate(http_requests_total${sel()}[$__rate_interval]))`;
  const failed = `sum(rate(http_requests_total${sel('status_code=~"5.."')}[$__rate_interval]))`;
  b.withRow(row('Overview'))
    .withPanel(
      single({
        title: 'Targets up',
        description: 'Share of configured instances whose last scrape succeeded. Anything below 100 % pages (IngestApiDown).',
        unit: 'percentunit',
        queries: [{ expr: `avg(up${sel()})`, legend: 'up' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
        noValue: 'no target',
      }),
    )
    .withPanel(
      single({
        title: 'Requests',
        description: 'User requests per second over all routes, without /metrics and /health. A sudden drop is as bad as a spike (LowTraffic).',
        unit: 'reqps',
        queries: [{ expr: requests, legend: 'requests' }],
        base: 'blue',
      }),
    )
    .withPanel(
      single({
        title: 'Errors',
        description: 'Share of requests answered with 5xx. HighErrorRate pages above 5 %.',
        unit: 'percentunit',
        queries: [{ expr: share(failed, requests), legend: '5xx' }],
        levels: [
          { at: 0.01, color: 'orange' },
          { at: 0.05, color: 'red' },
        ],
        noValue: 'no traffic',
      }),
    )
    .withPanel(
      single({
        title: 'p95 latency',
        description: '95th percentile of the response time over all routes. HighLatency warns above 0.5 s on a route.',
        unit: 's',
        queries: [{ expr: quantile(0.95, 'http_request_duration_seconds', ''), legend: 'p95' }],
        levels: [
          { at: 0.25, color: 'orange' },
          { at: 0.5, color: 'red' },
        ],
        noValue: 'no traffic',
      }),
    )
    .withPanel(
      single({
        title: 'Error budget left',
        description:
          'Remaining share of the 30-day error budget, computed over the data Prometheus has (see "Days of SLO data"). The objective is slo:http_requests_availability:objective, as in the alerts. "used up": the objective is missed. "Error budget burn" shows the burn rate (ErrorBudgetBurn).',
        unit: 'percentunit',
        queries: [{ expr: budget(errors.name, errors.objective), legend: 'left', instant: true }],
        base: 'red',
        levels: budgetLevels,
        words: spent,
        noValue: 'no traffic',
      }),
    )
    .withPanel(
      single({
        title: 'Latency budget left',
        description:
          'The same for requests slower than 0.5 s; the objective is slo:http_requests_latency:objective (LatencyBudgetBurn).',
        unit: 'percentunit',
        queries: [{ expr: budget(slow.name, slow.objective), legend: 'left', instant: true }],
        base: 'red',
        levels: budgetLevels,
        words: spent,
        noValue: 'no traffic',
      }),
    )
    .withPanel(
      single({
        title: 'Days of SLO data',
        description:
          'Days with requests, of the last 30, that both budgets are computed from. Updated every 5 minutes. Below 30 if Prometheus is new or was down: the budgets then cover a shorter time.',
        unit: 'd',
        queries: [{ expr: `max(last_over_time(${ofJob('job:http_requests:days30d')}[15m]))`, legend: 'days', instant: true }],
        base: 'orange',
        levels: [{ at: 28, color: 'green' }],
        noValue: 'minutes',
      }),
    )
    .withPanel(
      single({
        title: 'Firing alerts',
        description: 'Firing alerts of this job, without the Watchdog, which always fires. The table below lists them.',
        unit: 'short',
        queries: [
          {
            expr: `count(ALERTS{alertstate="firing", alertname!="Watchdog", job=~"$job|"}) or vector(0)`,
            legend: 'firing',
            instant: true,
          },
        ],
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      list({
        title: 'Active alerts',
        description: 'Firing and pending alerts, critical first, then by age. Each has a runbook in docs/runbooks.',
        unit: 'dateTimeFromNow',
        width: 24,
        height: 7,
        queries: [
          {
            expr: named(`1000 * ALERTS_FOR_STATE{alertname!="Watchdog", job=~"$job|"} * ignoring (alertstate) group_right () ALERTS{alertname!="Watchdog", job=~"$job|"}`),
            instant: true,
            format: 'table' as never,
          },
        ],
        hide: ['__name__', 'cluster', 'environment'],
        rename: { alertname: 'alert', alertstate: 'state', Value: 'since', name: 'organisation', organisation_id: 'id' },
        links: { alert: '/d/ingest-api/incident?alert=${__value.text}&label-job=${__data.fields.job}&label-organisation_id=${__data.fields.id}' },
        order: ['severity', 'alertname', 'alertstate', 'Value', 'component', 'name', 'instance', 'route', 'queue', 'job', 'organisation_id'],
        sort: [{ by: 'severity' }, { by: 'since' }],
        noValue: 'no active alerts',
      }),
    );
}

/** Burn rates of the budgets. */
export function objectives(b: dashboard.DashboardBuilder): void {
  const text = (alert: string) =>
    `At 1 the budget lasts exactly 30 days. ${alert} pages at 14.4 over 1 h and 6 over 6 h, and warns at 3 over 1 d and 1 over 3 d (dashed lines). From recorded series over all instances.`;
  const levels = [
    { at: 1, color: 'yellow' as const },
    { at: 6, color: 'orange' as const },
    { at: 14.4, color: 'red' as const },
  ];
  b.withRow(row('Objectives'))
    .withPanel(
      graph({
        title: 'Error budget burn',
        description: `Burn rate of the error budget over each window of the alert. ${text('ErrorBudgetBurn')}`,
        unit: 'short',
        width: 12,
        queries: burn(errors),
        levels,
        softMax: 16,
        noValue: 'no traffic',
      }),
    )
    .withPanel(
      graph({
        title: 'Latency budget burn',
        description: `The same for requests slower than 0.5 s. ${text('LatencyBudgetBurn')}`,
        unit: 'short',
        width: 12,
        queries: burn(slow),
        levels,
        softMax: 16,
        noValue: 'no traffic',
      }),
    );
}
