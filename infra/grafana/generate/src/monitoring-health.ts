// Health of the monitoring itself: can the other dashboards be trusted?
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { board } from './board';
import { graph, row, sel, single } from './panels';

export function monitoringHealth(): dashboard.Dashboard {
  const b = board({
    uid: 'monitoring-health',
    title: 'Monitoring health',
    description: 'Scrapes, series, rules and notifications: whether the other dashboards can be trusted.',
    tags: ['promc', 'monitoring'],
    anchor: 'up',
  });
  b.withRow(row('Scrapes'))
    .withPanel(
      single({
        title: 'Targets down',
        description: 'Targets whose last scrape failed (TargetDown).',
        unit: 'short',
        queries: [{ expr: `count(up${sel()} == 0) or vector(0)`, legend: 'down' }],
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      single({
        title: 'Rules loaded',
        description: 'Alerting and recording rules loaded. At 0 nothing can alert (PrometheusNoRules).',
        unit: 'short',
        queries: [{ expr: `sum(prometheus_rule_group_rules${sel()})`, legend: 'rules' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
      }),
    )
    .withPanel(
      single({
        title: 'Alertmanagers',
        description: 'Alertmanagers that Prometheus discovered. At 0 no alert is delivered (PrometheusNotConnectedToAlertmanager).',
        unit: 'short',
        queries: [{ expr: `min(prometheus_notifications_alertmanagers_discovered${sel()})`, legend: 'found' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
      }),
    )
    .withPanel(
      single({
        title: 'Configuration',
        description: '1 if the last configuration reload succeeded. 0: an older configuration is active (PrometheusConfigReloadFailed).',
        unit: 'short',
        queries: [{ expr: `min(prometheus_config_last_reload_successful${sel()})`, legend: 'reloaded' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
      }),
    )
    .withPanel(
      single({
        title: 'Rules failing',
        description: 'Failed rule evaluations in the last 5 minutes. An alert whose rule fails does not fire (PrometheusRuleFailures).',
        unit: 'short',
        queries: [{ expr: `sum(increase(prometheus_rule_evaluation_failures_total${sel()}[5m]))`, legend: 'rules failing' }],
        decimals: 0,
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      single({
        title: 'Failed notifications',
        description: 'Notifications that a receiver rejected in the last 15 minutes (AlertmanagerNotificationsFailing).',
        unit: 'short',
        queries: [{ expr: `sum(increase(alertmanager_notifications_failed_total${sel()}[15m])) or vector(0)`, legend: 'failed notifications' }],
        decimals: 0,
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      single({
        title: 'Series',
        description: 'Series in the head block of Prometheus.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `max(prometheus_tsdb_head_series${sel()})`, legend: 'series' }],
      }),
    )
    .withPanel(
      single({
        title: 'Firing alerts',
        description: 'Firing alerts of all jobs, without the Watchdog, which always fires.',
        unit: 'short',
        queries: [{ expr: `count(ALERTS{alertstate="firing", alertname!="Watchdog", job=~"$job|"}) or vector(0)`, legend: 'firing alerts' }],
        levels: [{ at: 1, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Scrape duration',
        width: 12,
        description: 'Scrape duration by target, measured by Prometheus. At the scrape timeout (10 s) the scrape fails and its samples are lost.',
        unit: 's',
        queries: [{ expr: `max by (job, instance) (scrape_duration_seconds${sel()})`, legend: '{{job}} {{instance}}' }],
        levels: [{ at: 5, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Samples per scrape',
        width: 12,
        description: 'Samples by target. A steady rise points to a label with unbounded values.',
        unit: 'short',
        queries: [{ expr: `max by (job, instance) (scrape_samples_scraped${sel()})`, legend: '{{job}} {{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Exposition size',
        description: 'Size of the last exposition, measured by promc.',
        unit: 'bytes',
        queries: [{ expr: `max by (job, instance) (promc_scrape_bytes${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Series in promc',
        description: 'Number of series in promc\'s registry, by instance.',
        unit: 'short',
        queries: [{ expr: `sum by (instance) (promc_series${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Dropped series',
        description: 'Lookups per second that got the overflow series because a series cap or the memory limit was reached (MetricsCardinalityLimit).',
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
        description: 'Series in the head block. Memory use and start-up time grow with it.',
        unit: 'short',
        queries: [{ expr: `max by (instance) (prometheus_tsdb_head_series${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Rule evaluation failures',
        description: 'Failed rule evaluations per second. An alert whose rule fails does not fire (PrometheusRuleFailures).',
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
        description: 'Alerts per second that Prometheus sent, failed to send or dropped.',
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
        description: 'Notifications per second that Alertmanager sent, by integration.',
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
        description: 'Notifications per second that a receiver rejected, by integration (AlertmanagerNotificationsFailing).',
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
        description: 'Error reports of the service (SENTRY_DSN) per minute, by outcome; all but sent are lost. ErrorReportsLost warns if more than half are lost.',
        unit: 'short',
        queries: [
          { expr: `sum by (outcome) (rate(error_reports_total${sel()}[$__rate_interval])) * 60`, legend: '{{outcome}}' },
        ],
      }),
    );
  return b.build();
}
