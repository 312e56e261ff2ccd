// The monitoring's own health: is what the other boards show true?
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { board } from './board';
import { graph, row, sel, single } from './panels';

export function monitoringHealth(): dashboard.Dashboard {
  const b = board({
    uid: 'monitoring-health',
    title: 'Monitoring health',
    description: 'Scrapes, series, rules and notifications: whether the other boards can be trusted.',
    tags: ['promc', 'monitoring'],
    anchor: 'up',
  });
  b.withRow(row('Scrapes'))
    .withPanel(
      single({
        title: 'Targets down',
        description: 'Targets whose last scrape failed. Anything above 0: TargetDown.',
        unit: 'short',
        queries: [{ expr: `count(up${sel()} == 0) or vector(0)`, legend: 'down' }],
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      single({
        title: 'Rules loaded',
        description: 'Alerting and recording rules in force. 0 means that nothing can alert (PrometheusNoRules).',
        unit: 'short',
        queries: [{ expr: `sum(prometheus_rule_group_rules${sel()})`, legend: 'rules' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
      }),
    )
    .withPanel(
      single({
        title: 'Alertmanagers',
        description: 'Alertmanagers that Prometheus has found. 0: alerts reach nobody (PrometheusNotConnectedToAlertmanager).',
        unit: 'short',
        queries: [{ expr: `min(prometheus_notifications_alertmanagers_discovered${sel()})`, legend: 'found' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
      }),
    )
    .withPanel(
      single({
        title: 'Configuration',
        description: '1 when the last reload of the configuration worked. 0: an old one is in force (PrometheusConfigReloadFailed).',
        unit: 'short',
        queries: [{ expr: `min(prometheus_config_last_reload_successful${sel()})`, legend: 'reloaded' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
      }),
    )
    .withPanel(
      single({
        title: 'Rules failing',
        description: 'Evaluations of rules that failed in the last 5 minutes: an alert whose rule fails is silent (PrometheusRuleFailures).',
        unit: 'short',
        queries: [{ expr: `sum(increase(prometheus_rule_evaluation_failures_total${sel()}[5m]))`, legend: 'rules failing' }],
        decimals: 0,
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      single({
        title: 'Messages failing',
        description: 'Messages that a receiver refused in the last 15 minutes (AlertmanagerNotificationsFailing).',
        unit: 'short',
        queries: [{ expr: `sum(increase(alertmanager_notifications_failed_total${sel()}[15m])) or vector(0)`, legend: 'messages failing' }],
        decimals: 0,
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      single({
        title: 'Series',
        description: 'Series in the memory of Prometheus.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `max(prometheus_tsdb_head_series${sel()})`, legend: 'series' }],
      }),
    )
    .withPanel(
      single({
        title: 'Firing alerts',
        description: 'Alerts of all jobs that fire now (the Watchdog, which always fires, left out).',
        unit: 'short',
        queries: [{ expr: `count(ALERTS{alertstate="firing", alertname!="Watchdog", job=~"$job|"}) or vector(0)`, legend: 'firing alerts' }],
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Scrape duration',
        width: 12,
        description: 'How long each target takes to be scraped, as Prometheus sees it. Near the scrape timeout (10 s) samples go missing.',
        unit: 's',
        queries: [{ expr: `max by (job, instance) (scrape_duration_seconds${sel()})`, legend: '{{job}} {{instance}}' }],
        levels: [{ at: 5, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Samples per scrape',
        width: 12,
        description: 'Samples each target exposes. A steady rise is a label without bounds.',
        unit: 'short',
        queries: [{ expr: `max by (job, instance) (scrape_samples_scraped${sel()})`, legend: '{{job}} {{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Exposition size',
        description: 'Bytes of the last exposition, measured by promc.',
        unit: 'bytes',
        queries: [{ expr: `max by (job, instance) (promc_scrape_bytes${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Series in the library',
        description: 'Series that live in promc\'s arena, and the memory they use.',
        unit: 'short',
        queries: [{ expr: `sum by (instance) (promc_series${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Dropped series',
        description: 'Updates per second that went to a family\'s overflow series because its cap or the arena\'s budget was reached (MetricsCardinalityLimit).',
        unit: 'suffix: /s',
        queries: [
          { expr: `sum by (instance, family) (rate(promc_series_dropped_total${sel()}[$__rate_interval]))`, legend: '{{family}} {{instance}}' },
        ],
        noValue: 'none dropped',
      }),
    )
    .withRow(row('Prometheus'))
    .withPanel(
      graph({
        title: 'Series in Prometheus',
        description: 'Series in memory. Memory and start-up time follow it.',
        unit: 'short',
        queries: [{ expr: `max by (instance) (prometheus_tsdb_head_series${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Rule evaluation failures',
        description: 'Evaluations per second that failed: an alert whose rule fails is silent (PrometheusRuleFailures).',
        unit: 'suffix: /s',
        queries: [
          {
            expr: `label_replace(sum by (instance, rule_group) (rate(prometheus_rule_evaluation_failures_total${sel()}[$__rate_interval])), "rule_group", "$1", "rule_group", ".*;(.*)")`,
            legend: '{{rule_group}}',
          },
        ],
        levels: [{ at: 0.0001, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Rule group duration',
        description: 'Time to evaluate each rule group; above its interval evaluations are skipped.',
        unit: 's',
        queries: [
          { expr: `label_replace(max by (instance, rule_group) (prometheus_rule_group_last_duration_seconds${sel()}), "rule_group", "$1", "rule_group", ".*;(.*)")`, legend: '{{rule_group}}' },
        ],
      }),
    )
    .withRow(row('Notifications'))
    .withPanel(
      graph({
        title: 'Alerts sent to Alertmanager',
        description: 'Alerts per second that Prometheus sent, and those that failed.',
        unit: 'suffix: /s',
        queries: [
          { expr: `sum by (instance) (rate(prometheus_notifications_sent_total${sel()}[$__rate_interval]))`, legend: 'sent' },
          { expr: `sum by (instance) (rate(prometheus_notifications_errors_total${sel()}[$__rate_interval]))`, legend: 'failed' },
          { expr: `sum by (instance) (rate(prometheus_notifications_dropped_total${sel()}[$__rate_interval]))`, legend: 'dropped' },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Notifications by channel',
        description: 'Messages per second that Alertmanager sent to each kind of receiver.',
        unit: 'suffix: /s',
        queries: [
          { expr: `sum by (integration) (rate(alertmanager_notifications_total${sel()}[$__rate_interval])) > 0`, legend: '{{integration}}' },
        ],
        noValue: 'none sent',
      }),
    )
    .withPanel(
      graph({
        title: 'Notifications failing',
        description: 'Messages per second that a receiver refused: somebody is not told (AlertmanagerNotificationsFailing).',
        unit: 'suffix: /s',
        queries: [
          {
            expr: `sum by (integration) (rate(alertmanager_notifications_failed_total${sel()}[$__rate_interval])) > 0`,
            legend: '{{integration}}',
          },
        ],
        noValue: 'none failing',
      }),
    )
    .withPanel(
      graph({
        title: 'Error reports',
        description: 'Error reports of the service per minute (SENTRY_DSN), by what became of them; all but sent are lost. ErrorReportsLost warns when more than half are.',
        unit: 'short',
        queries: [
          { expr: `sum by (outcome) (rate(error_reports_total${sel()}[$__rate_interval])) * 60`, legend: '{{outcome}}' },
        ],
      }),
    );
  return b.build();
}
