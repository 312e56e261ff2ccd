// The service's board: what a person on call looks at first, top to bottom from "is it up" to "why".
// Thresholds are those of infra/prometheus/rules/*.yml.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { board } from './board';
import { bars, graph, heat, list, row, sel, single } from './panels';

const quantile = (q: number, metric: string, by: string, more = ''): string =>
  `histogram_quantile(${q}, sum by (le${by ? `, ${by}` : ''}) (rate(${metric}_bucket${sel(more)}[$__rate_interval])))`;
const quantiles = (metric: string, by = '', more = '') =>
  [0.5, 0.95, 0.99].map((q) => ({
    expr: quantile(q, metric, by, more),
    legend: `p${q * 100}${by ? ` ${by.split(', ').map((l) => `{{${l}}}`).join(' ')}` : ''}`,
  }));
const rate = (metric: string, by: string, more = ''): string =>
  `sum by (${by}) (rate(${metric}${sel(more)}[$__rate_interval]))`;
const route = 'route=~"$route"';
const queue = 'queue=~"$queue"';
const organisation = 'organisation_id=~"$organisation_id"';

/** share of part in all, 0 where there is no traffic of the kind, nothing where there is none at all */
const share = (part: string, all: string): string => `(${part} or 0 * ${all}) / (${all} > 0)`;

function overview(b: dashboard.DashboardBuilder): void {
  const requests = `sum(rate(http_requests_total${sel()}[$__rate_interval]))`;
  const errors = `sum(rate(http_requests_total${sel('status_code=~"5.."')}[$__rate_interval]))`;
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
        decimals: 2,
        queries: [{ expr: share(errors, requests), legend: '5xx' }],
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
        decimals: 3,
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
          'Share of the 30-day error budget that is still there, over the data Prometheus has; the objective is the one that the alerts read, slo:http_requests_availability:objective. 0 means the objective is missed; ErrorBudgetBurn tells how fast it goes.',
        unit: 'percentunit',
        graph: false,
        queries: [
          {
            expr: `1 - ((sum(increase(http_requests_total${sel('status_code=~"5.."')}[30d])) or 0 * sum(increase(http_requests_total${sel()}[30d]))) / sum(increase(http_requests_total${sel()}[30d]))) / (1 - max(slo:http_requests_availability:objective))`,
            legend: 'left',
            instant: true,
          },
        ],
        base: 'red',
        levels: [
          { at: 0, color: 'orange' },
          { at: 0.5, color: 'green' },
        ],
        noValue: 'no traffic',
      }),
    )
    .withPanel(
      single({
        title: 'Firing alerts',
        description: 'Alerts of this job that fire now (the Watchdog, which always fires, left out). The table below names them.',
        unit: 'short',
        graph: false,
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
        description: 'Pending and firing alerts with their severity. Each has a runbook: docs/runbooks.',
        unit: 'short',
        width: 24,
        height: 5,
        queries: [
          {
            expr: `ALERTS{alertname!="Watchdog", job=~"$job|"}`,
            instant: true,
            format: 'table' as never,
          },
        ],
        hide: ['__name__', 'Value', 'cluster', 'environment'],
        noValue: 'no alert is pending or firing',
      }),
    );
}

function api(b: dashboard.DashboardBuilder): void {
  b.withRow(row('API'))
    .withPanel(
      graph({
        title: 'Requests by route',
        description: 'Requests per second by route template; <unmatched> is everything that matches none. Good: the shape of a normal day.',
        unit: 'reqps',
        queries: [{ expr: rate('http_requests_total', 'method, route', route), legend: '{{method}} {{route}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Responses by status',
        description: 'Responses per second by status. 499 is a client that went away; 5xx is ours; a wall of 401 or 429 is a client gone wrong.',
        unit: 'reqps',
        stack: true,
        queries: [{ expr: rate('http_requests_total', 'status_code', route), legend: '{{status_code}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Error share by route',
        description: 'Share of 5xx on each route. The dashed line is the alert (5 %).',
        unit: 'percentunit',
        queries: [
          {
            expr: `(${rate('http_requests_total', 'route', `${route}, status_code=~"5.."`)} or 0 * ${rate('http_requests_total', 'route', route)}) / (${rate('http_requests_total', 'route', route)} > 0)`,
            legend: '{{route}}',
          },
        ],
        levels: [{ at: 0.05, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'p95 latency by route',
        description: '95th percentile of the time to the full answer, by route. The dashed line is the alert (0.5 s). Diamonds are single requests: click one for its logs.',
        unit: 's',
        width: 12,
        queries: [{ expr: quantile(0.95, 'http_request_duration_seconds', 'route', route), legend: '{{route}}', exemplar: true }],
        levels: [{ at: 0.5, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Latency quantiles',
        description: 'p50, p95 and p99 over the chosen routes. p50 up: everything is slower. Only p99 up: a few requests wait for something.',
        unit: 's',
        width: 12,
        queries: quantiles('http_request_duration_seconds', '', route),
        levels: [{ at: 0.5, color: 'red' }],
      }),
    )
    .withPanel(
      heat({
        title: 'Latency heatmap',
        description: 'How many requests fell into each latency bucket. Two bands mean two kinds of request in one number.',
        unit: 's',
        queries: [
          {
            expr: `sum by (le) (increase(http_request_duration_seconds_bucket${sel(route)}[$__rate_interval]))`,
            legend: '{{le}}',
            format: 'heatmap' as never,
          },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'In flight and aborted',
        description: 'Requests being worked on now, and requests per second whose client went away before the answer. In flight that only rises: something is stuck.',
        unit: 'short',
        width: 12,
        queries: [
          { expr: `sum by (instance) (http_requests_in_flight${sel()})`, legend: 'in flight {{instance}}' },
          { expr: rate('http_requests_aborted_total', 'route', route), legend: 'aborted/s {{route}}' },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Request size p95',
        description: 'Size of request bodies. A rise on the import route explains longer requests.',
        unit: 'bytes',
        width: 12,
        queries: [{ expr: quantile(0.95, 'http_request_size_bytes', 'route', route), legend: '{{route}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Response size p95',
        description: 'Size of response bodies by route.',
        unit: 'bytes',
        width: 12,
        queries: [{ expr: quantile(0.95, 'http_response_size_bytes', 'route', route), legend: '{{route}}' }],
      }),
    );
}

function database(b: dashboard.DashboardBuilder): void {
  b.withRow(row('Database'))
    .withPanel(
      graph({
        title: 'Query time',
        description: 'p50, p95, p99 of all queries. DatabaseSlowQueries warns at a p95 above 0.25 s.',
        unit: 's',
        queries: quantiles('db_query_duration_seconds'),
        levels: [{ at: 0.25, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Query p95 by operation',
        description: 'Which kind of query on which schema is slow.',
        unit: 's',
        queries: [
          { expr: quantile(0.95, 'db_query_duration_seconds', 'operation, schema'), legend: '{{operation}} {{schema}}' },
        ],
        levels: [{ at: 0.25, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Queries',
        description: 'Queries per second by operation and schema.',
        unit: 'ops',
        queries: [{ expr: rate('db_query_duration_seconds_count', 'operation, schema'), legend: '{{operation}} {{schema}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Query errors',
        description: 'Failed queries per second by SQLSTATE class: 08 connection, 23 constraint, 40 rolled back, 53 out of resources, 57 interrupted, 58 I/O. DatabaseErrors warns above 0.1/s.',
        unit: 'ops',
        queries: [{ expr: rate('db_query_errors_total', 'sqlstate_class, schema'), legend: '{{sqlstate_class}} {{schema}}' }],
        levels: [{ at: 0.1, color: 'red' }],
        noValue: 'no errors',
      }),
    )
    .withPanel(
      graph({
        title: 'Connection pool',
        description: 'Connections at work and idle, and the most there can be. DatabasePoolExhausted pages when more than 90 % are active and requests wait.',
        unit: 'short',
        queries: [
          { expr: `sum by (state) (db_connection_pool_size${sel()})`, legend: '{{state}}' },
          { expr: `sum(db_connection_pool_max_size${sel()})`, legend: 'max' },
          { expr: `sum(db_connection_pool_pending_acquires${sel()})`, legend: 'waiting' },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Wait for a connection',
        description: 'p95 of the time a request waits for a database connection, and waits per second that gave up. Time-outs page (DatabasePoolTimeouts).',
        unit: 's',
        queries: [
          { expr: quantile(0.95, 'db_connection_pool_acquire_duration_seconds', ''), legend: 'p95 wait' },
          {
            expr: `sum(rate(db_connection_pool_acquire_timeouts_total${sel()}[$__rate_interval]))`,
            legend: 'time-outs/s',
          },
        ],
      }),
    );
}

function queues(b: dashboard.DashboardBuilder): void {
  b.withRow(row('Queue'))
    .withPanel(
      graph({
        title: 'Depth',
        description: 'Messages waiting in each queue (shared by all instances, so the maximum, not the sum). HighQueueDepth warns above 1000.',
        unit: 'short',
        queries: [{ expr: `max by (queue) (queue_depth${sel(queue)})`, legend: '{{queue}}' }],
        levels: [{ at: 1000, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Oldest message',
        description: 'Age of the oldest message that waits. Depth says how much, this says how late. QueueConsumerLag warns above 5 minutes.',
        unit: 's',
        queries: [{ expr: `max by (queue) (queue_oldest_message_age_seconds${sel(queue)})`, legend: '{{queue}}' }],
        levels: [{ at: 300, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Published and consumed',
        description: 'Messages per second in and out. Published above consumed for long: the depth grows.',
        unit: 'ops',
        queries: [{ expr: rate('queue_messages_total', 'queue, action', queue), legend: '{{queue}} {{action}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Processing time',
        description: 'p50, p95, p99 of the time a worker needs for one message.',
        unit: 's',
        queries: quantiles('queue_processing_duration_seconds', 'queue', queue),
      }),
    )
    .withPanel(
      graph({
        title: 'Failures and retries',
        description: 'Messages per second that failed, by reason, and that were tried again. A dead-lettered message is lost work until somebody looks (QueueDeadLettering).',
        unit: 'ops',
        queries: [
          { expr: rate('queue_message_failures_total', 'queue, reason', queue), legend: '{{queue}} {{reason}}' },
          { expr: rate('queue_message_retries_total', 'queue', queue), legend: '{{queue}} retried' },
        ],
        noValue: 'no failures',
      }),
    )
    .withPanel(
      graph({
        title: 'Consumers',
        description: 'Workers that take from each queue. 0 while the depth is above 0 pages (QueueNoConsumers).',
        unit: 'short',
        queries: [{ expr: `max by (queue) (queue_consumers${sel(queue)})`, legend: '{{queue}}' }],
      }),
    );
}

function business(b: dashboard.DashboardBuilder): void {
  const sent = `sum(rate(emails_sent_total${sel(organisation)}[$__rate_interval]))`;
  const unsent = `sum(rate(emails_sent_total${sel(`${organisation}, success="false"`)}[$__rate_interval]))`;
  const drafts = `sum(rate(drafts_generated_total${sel(organisation)}[$__rate_interval]))`;
  const drafted = `sum(rate(drafts_generated_total${sel(`${organisation}, success="true"`)}[$__rate_interval]))`;
  const everybodys = `sum(rate(emails_sent_total${sel()}[$__rate_interval]))`;
  const bounced = (which: string) => `sum(rate(email_bounces_total${sel(which)}[$__rate_interval]))`;
  b.withRow(row('Business'))
    .withPanel(
      graph({
        title: 'E-mails per hour',
        description: 'E-mails sent and failed, at the present rate, per hour. None while campaigns are active: EmailsStalled.',
        unit: 'short',
        queries: [
          {
            expr: `sum by (success) (rate(emails_sent_total${sel(organisation)}[$__rate_interval])) * 3600`,
            legend: 'success={{success}}',
          },
        ],
      }),
    )
    .withPanel(
      single({
        title: 'E-mails failing',
        description: 'Share of e-mails that could not be sent. EmailSendingFailures warns above 5 %.',
        unit: 'percentunit',
        height: 8,
        queries: [{ expr: share(unsent, sent), legend: 'failed' }],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none sent',
      }),
    )
    .withPanel(
      single({
        title: 'Drafts succeeding',
        description: 'Share of drafts that could be rendered; a missing field fails one. HighDraftFailureRate warns when more than 10 % fail.',
        unit: 'percentunit',
        height: 8,
        queries: [{ expr: share(drafted, drafts), legend: 'succeeded' }],
        base: 'red',
        levels: [{ at: 0.9, color: 'green' }],
        noValue: 'none made',
      }),
    )
    .withPanel(
      graph({
        title: 'Drafts by organisation',
        description: 'Drafts per second by organisation and success: one organisation failing alone is seen here (OrganisationDraftsFailing).',
        unit: 'ops',
        queries: [
          { expr: rate('drafts_generated_total', 'organisation_id, success', organisation), legend: '{{organisation_id}} success={{success}}' },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Prospects',
        description: 'Prospects per second: imported and rejected are the rows of imports; validated and researched are done later by the workers.',
        unit: 'ops',
        stack: true,
        queries: [{ expr: rate('prospects_processed_total', 'action', organisation), legend: '{{action}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Draft generation time',
        description: 'p50, p95, p99 of the time to render one draft.',
        unit: 's',
        queries: quantiles('draft_generation_duration_seconds'),
      }),
    )
    .withPanel(
      bars({
        title: 'Active campaigns',
        description: 'Campaigns that are started and not yet complete, by organisation.',
        unit: 'short',
        base: 'blue',
        width: 4,
        queries: [
          {
            expr: `max by (organisation_id) (active_campaigns${sel(organisation)})`,
            legend: '{{organisation_id}}',
            instant: true,
          },
        ],
        noValue: 'none',
      }),
    )
    .withPanel(
      single({
        title: 'Campaigns processed',
        description: 'Campaigns that came to an end in the chosen time range.',
        unit: 'short',
        base: 'blue',
        height: 8,
        decimals: 0,
        queries: [
          {
            expr: `sum(increase(campaigns_processed_total${sel(organisation)}[$__range]))`,
            legend: 'processed',
            instant: true,
          },
        ],
        noValue: 'none',
      }),
    )
    .withPanel(
      graph({
        title: 'E-mails refused',
        description: 'Refusals by mail servers per hour, of all organisations: 4xx for now, 5xx for good; address and mailbox are the list\'s fault, policy is about us as a sender.',
        unit: 'short',
        width: 12,
        queries: [{ expr: `${rate('email_bounces_total', 'class, subject')} * 3600`, legend: '{{class}} {{subject}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Bounce rate',
        description: 'Refusals for good, and those by policy, as a share of all e-mails of all organisations. The dashed line is EmailHardBounces (5 %); EmailRefusedByPolicy warns above 0.3 %.',
        unit: 'percentunit',
        width: 12,
        queries: [
          { expr: share(bounced('class="5xx"'), everybodys), legend: 'for good' },
          { expr: share(bounced('subject="policy"'), everybodys), legend: 'by policy' },
        ],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none sent',
      }),
    );
}

function system(b: dashboard.DashboardBuilder): void {
  b.withRow(row('System'))
    .withPanel(
      graph({
        title: 'CPU against its limit',
        description: 'CPU time used, as a share of the cores the process may use. HighCpuUsage warns above 90 %.',
        unit: 'percentunit',
        queries: [
          {
            expr: `sum by (instance) (rate(process_cpu_seconds_total${sel()}[$__rate_interval])) / sum by (instance) (process_cpu_limit_cores${sel()})`,
            legend: '{{instance}}',
          },
        ],
        levels: [{ at: 0.9, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Memory against its limit',
        description: 'Resident memory as a share of the container\'s (or host\'s) limit. HighMemoryUsage warns above 80 %.',
        unit: 'percentunit',
        queries: [
          {
            expr: `sum by (instance) (process_resident_memory_bytes${sel()}) / sum by (instance) (process_memory_limit_bytes${sel()})`,
            legend: '{{instance}}',
          },
        ],
        levels: [{ at: 0.8, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Resident memory',
        description: 'Resident memory and the allocator\'s share of it. Good: flat under steady traffic.',
        unit: 'bytes',
        queries: [
          { expr: `sum by (instance) (process_resident_memory_bytes${sel()})`, legend: 'resident {{instance}}' },
          { expr: `sum by (instance) (process_heap_bytes${sel()})`, legend: 'heap {{instance}}' },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Event-loop lag',
        description: 'How late the event loops\' timers are. p99 above 0.1 s: something blocks a loop (EventLoopLag).',
        unit: 's',
        queries: [
          { expr: quantile(0.5, 'eventloop_lag_seconds', 'loop'), legend: 'p50 loop {{loop}}' },
          { expr: quantile(0.99, 'eventloop_lag_seconds', 'loop'), legend: 'p99 loop {{loop}}' },
        ],
        levels: [{ at: 0.1, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Event-loop utilisation',
        description: 'Share of the time in which a loop was busy. Near 1 the loop is full: more loops, or another replica.',
        unit: 'percentunit',
        max: 1,
        queries: [{ expr: `max by (instance, loop) (eventloop_utilization_ratio${sel()})`, legend: '{{instance}} loop {{loop}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'File descriptors',
        description: 'Open descriptors as a share of the limit. FileDescriptorsExhausting warns above 80 %.',
        unit: 'percentunit',
        queries: [
          {
            expr: `sum by (instance) (process_open_fds${sel()}) / sum by (instance) (process_max_fds${sel()})`,
            legend: '{{instance}}',
          },
        ],
        levels: [{ at: 0.8, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Allocator',
        description: 'Memory that malloc has handed out and memory it holds free. Free that grows for ever is fragmentation: C\'s answer to garbage-collection graphs.',
        unit: 'bytes',
        queries: [
          { expr: `sum by (instance) (malloc_allocated_bytes${sel()})`, legend: 'allocated {{instance}}' },
          { expr: `sum by (instance) (malloc_free_bytes${sel()})`, legend: 'free {{instance}}' },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Threads',
        description: 'Operating-system threads of the process: loops, store threads, workers.',
        unit: 'short',
        queries: [{ expr: `sum by (instance) (process_threads${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Restarts',
        description: 'Starts of the process in the last 15 minutes. IngestApiRestarting warns above 2.',
        unit: 'short',
        queries: [{ expr: `sum by (instance) (changes(process_start_time_seconds${sel()}[15m]))`, legend: '{{instance}}' }],
        levels: [{ at: 3, color: 'red' }],
      }),
    );
}

export function ingestApi(): dashboard.Dashboard {
  const b = board({
    uid: 'ingest-api',
    title: 'ingest-api',
    description: 'ProspectFlow ingest-api: overview, API, database, queue, business, system. Source: infra/grafana/generate.',
    tags: ['promc', 'prospectflow', 'ingest-api'],
    anchor: 'ingest_api_build_info',
    deploy: 'ingest_api_build_info',
    variables: [
      { name: 'route', label: 'Route', query: 'label_values(http_requests_total{job=~"$job", instance=~"$instance"}, route)' },
      { name: 'queue', label: 'Queue', query: 'label_values(queue_messages_total{job=~"$job", instance=~"$instance"}, queue)' },
      {
        name: 'organisation_id',
        label: 'Organisation',
        query: 'label_values(prospects_processed_total{job=~"$job", instance=~"$instance"}, organisation_id)',
      },
    ],
  });
  for (const section of [overview, api, database, queues, business, system]) section(b);
  return b.build();
}
