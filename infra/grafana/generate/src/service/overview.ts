// Is it up, is it well, and how much of what was promised is spent: what the alerts read.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, list, row, sel, single } from '../panels';
import { named, ofJob, quantile, share } from './queries';

/** The month as it is recorded once in 5 minutes; a Prometheus so young that it has no such record yet has less than a day. */
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

/** How many times too fast the budget goes, over each window of the burn alerts. */
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
        description: 'Instances that answered the last scrape, of all that are configured. Anything below 100 % pages (IngestApiDown).',
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
        description: 'User requests per second over all routes; /metrics and /health are not counted. A sudden drop is as bad as a spike (LowTraffic).',
        unit: 'reqps',
        queries: [{ expr: requests, legend: 'requests' }],
        base: 'blue',
      }),
    )
    .withPanel(
      single({
        title: 'Errors',
        description: 'Share of requests answered 5xx. HighErrorRate pages above 5 %.',
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
        description: '95 % of all requests were answered within this time. HighLatency warns above 0.5 s on a route.',
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
          'Share of the 30-day error budget that is still there, over the data Prometheus has ("Data behind the budgets" says how much); the objective is the one that the alerts read, slo:http_requests_availability:objective. "used up": the objective is missed; "Error budget burn" tells how fast it goes (ErrorBudgetBurn).',
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
          'The same of requests that took longer than 0.5 s; the objective is slo:http_requests_latency:objective (LatencyBudgetBurn).',
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
        title: 'Data behind the budgets',
        description:
          'Of how many days with requests both budgets speak, of 30. Counted once in 5 minutes. A young Prometheus, or one that was away, knows less than a month, and its budgets say no more than that.',
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
        description: 'Alerts of this job that fire now (the Watchdog, which always fires, left out). The table below names them.',
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
        title: 'Which alerts',
        description: 'Firing and pending alerts, the critical ones first, then the longest. Each has a runbook: docs/runbooks.',
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
        noValue: 'no alert is pending or firing',
      }),
    );
}

/** How fast the budgets go. */
export function objectives(b: dashboard.DashboardBuilder): void {
  const text = (alert: string) =>
    `1 spends the budget in exactly 30 days. ${alert} pages at 14.4 over 1 h and at 6 over 6 h, and warns at 3 over 1 d and at 1 over 3 d: the dashed lines. From recorded series, of all instances.`;
  const levels = [
    { at: 1, color: 'yellow' as const },
    { at: 6, color: 'orange' as const },
    { at: 14.4, color: 'red' as const },
  ];
  b.withRow(row('Objectives'))
    .withPanel(
      graph({
        title: 'Error budget burn',
        description: `How many times too fast the error budget goes, over each window of the alert. ${text('ErrorBudgetBurn')}`,
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
        description: `The same of requests slower than 0.5 s. ${text('LatencyBudgetBurn')}`,
        unit: 'short',
        width: 12,
        queries: burn(slow),
        levels,
        softMax: 16,
        noValue: 'no traffic',
      }),
    );
}
