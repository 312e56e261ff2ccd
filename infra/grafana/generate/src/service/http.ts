// HTTP by route and by instance.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { bars, graph, heat, list, row, sel } from '../panels';
import { ofJob, quantile, quantiles, rate, route, share } from './queries';

const columns: [string, string, string][] = [
  ['p95', 's', 'job_route:http_request_duration_seconds:p95_rate5m'],
  ['slower than 0.5 s', 'percentunit', 'job_route:http_request_duration_seconds_slow:ratio_rate5m'],
  ['errors', 'percentunit', 'job_route:http_request_errors:ratio_rate5m'],
  ['requests', 'reqps', 'job_route:http_requests:rate5m'],
];
const value = (i: number): string => `Value #${'ABCD'[i]}`;

export function api(b: dashboard.DashboardBuilder): void {
  b.withRow(row('HTTP by route'))
    .withPanel(
      list({
        title: 'Slowest routes',
        description: 'Routes by p95 latency over 5 minutes and all instances, slowest first, with the share of requests slower than 0.5 s (HighLatency), the share of 5xx (RouteFailing) and the request rate.',
        unit: 's',
        width: 16,
        height: 9,
        queries: columns.map(([, , name]) => ({ expr: `${ofJob(name, route)} >= 0`, instant: true, format: 'table' as never })),
        join: 'route',
        rename: Object.fromEntries(columns.map(([name], i) => [value(i), name])),
        order: ['route', ...columns.map((_, i) => value(i))],
        hide: ['job', ...columns.flatMap((_, i) => [`Time ${i + 1}`, `job ${i + 1}`])],
        units: Object.fromEntries(columns.map(([name, unit]) => [name, unit])),
        sort: [{ by: 'p95', desc: true }],
        noValue: 'no traffic',
      }),
    )
    .withPanel(
      graph({
        title: 'Requests vs. last week',
        description: 'Requests per second of the job, now and a week ago, as LowTraffic compares them. The second line is missing until Prometheus has a week of data.',
        unit: 'reqps',
        queries: [
          { expr: ofJob('job:http_requests:rate5m'), legend: 'now' },
          { expr: `${ofJob('job:http_requests:rate5m')} offset 1w`, legend: 'last week' },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'Requests by route',
        description: 'Requests per second by route template; <unmatched> is everything that matches no route.',
        unit: 'reqps',
        queries: [{ expr: rate('http_requests_total', 'method, route', route), legend: '{{method}} {{route}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Responses by status',
        description: 'Responses per second by status. 499: the client disconnected. 5xx: a fault of the service. Many 401 or 429: a misconfigured client.',
        unit: 'reqps',
        stack: true,
        queries: [{ expr: rate('http_requests_total', 'status_code', route), legend: '{{status_code}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Error share by route',
        description: 'Share of 5xx by route. The dashed line is the alert threshold (5 %).',
        unit: 'percentunit',
        queries: [
          {
            expr: share(rate('http_requests_total', 'route', `${route}, status_code=~"5.."`), rate('http_requests_total', 'route', route)),
            legend: '{{route}}',
          },
        ],
        levels: [{ at: 0.05, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'p95 latency by route',
        description: '95th percentile of the response time, by route. The dashed line is the alert threshold (0.5 s). Diamonds are exemplars: single requests with their ids.',
        unit: 's',
        width: 12,
        queries: [{ expr: quantile(0.95, 'http_request_duration_seconds', 'route', route), legend: '{{route}}', exemplar: true }],
        levels: [{ at: 0.5, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Slow share by route',
        description: 'Share of requests slower than 0.5 s by route, over 5 minutes and all instances. HighLatency compares it with 5 % (dashed), besides the p95.',
        unit: 'percentunit',
        width: 12,
        queries: [{ expr: ofJob('job_route:http_request_duration_seconds_slow:ratio_rate5m', route), legend: '{{route}}' }],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'no traffic',
      }),
    )
    .withPanel(
      graph({
        title: 'Latency quantiles',
        description: 'p50, p95 and p99 over the selected routes. If p50 rises, everything is slower; if only p99 rises, a few requests wait for something.',
        unit: 's',
        width: 12,
        queries: quantiles('http_request_duration_seconds', '', route),
        levels: [{ at: 0.5, color: 'red' }],
      }),
    )
    .withPanel(
      heat({
        title: 'Latency heatmap',
        description: 'Requests in each latency bucket, from the native histogram if the service has one. Two bands: the quantiles mix two kinds of requests.',
        unit: 's',
        queries: [
          {
            expr:
              `sum(increase(http_request_duration_seconds${sel(route)}[$__rate_interval])) or ` +
              `(sum by (le) (increase(http_request_duration_seconds_bucket${sel(route)}[$__rate_interval])) unless on () sum(increase(http_request_duration_seconds${sel(route)}[$__rate_interval])))`,
            legend: '{{le}}',
            format: 'heatmap' as never,
          },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'In flight',
        description: 'Requests in progress. A steady rise means that requests are stuck.',
        unit: 'short',
        width: 6,
        queries: [{ expr: `sum by (instance) (http_requests_in_flight${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Aborted',
        description: 'Requests per second whose client disconnected before the response, by route. HighAbortRate warns above 10 % of a route.',
        unit: 'reqps',
        width: 6,
        queries: [{ expr: rate('http_requests_aborted_total', 'route', route), legend: '{{route}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Request size p95',
        description: '95th percentile of the request body size, by route. Larger imports take longer.',
        unit: 'bytes',
        width: 6,
        queries: [{ expr: quantile(0.95, 'http_request_size_bytes', 'route', route), legend: '{{route}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Response size p95',
        description: '95th percentile of the response body size, by route.',
        unit: 'bytes',
        width: 6,
        queries: [{ expr: quantile(0.95, 'http_response_size_bytes', 'route', route), legend: '{{route}}' }],
      }),
    );
}

/** The replicas side by side, the worst first. */
export function instances(b: dashboard.DashboardBuilder): void {
  const worst = (title: string, description: string, metric: string, at: number) =>
    bars({
      title,
      description,
      unit: 'percentunit',
      queries: [{ expr: `sort_desc(${metric}${sel()})`, legend: '{{instance}}', instant: true }],
      levels: [{ at, color: 'red' }],
      noValue: 'no traffic',
    });
  b.withRow(row('HTTP by instance'))
    .withPanel(
      graph({
        title: 'Requests by instance',
        description: 'Requests per second by instance over 5 minutes, as in the alerts. An instance without requests gets no traffic from the load balancer; one with more than its share takes over from others.',
        unit: 'reqps',
        queries: [{ expr: `instance:http_requests:rate5m${sel()}`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      worst(
        'Errors by instance',
        'Share of 5xx by instance over 5 minutes, worst first. A single failing instance is a small share of all requests.',
        'instance:http_request_errors:ratio_rate5m',
        0.05,
      ),
    )
    .withPanel(
      worst(
        'Slow requests by instance',
        'Share of requests slower than 0.5 s by instance over 5 minutes, worst first.',
        'instance:http_request_duration_seconds_slow:ratio_rate5m',
        0.05,
      ),
    );
}
