// The store: queries and connections.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, row, sel } from '../panels';
import { ofJob, quantiles, rate } from './queries';

const oldest = (state: string, legend: string) => ({ expr: `max(db_oldest_work_age_seconds${sel(`state="${state}"`)})`, legend });

export function database(b: dashboard.DashboardBuilder): void {
  b.withRow(row('Database'))
    .withPanel(
      graph({
        title: 'Query time',
        description: 'p50, p95, p99 of all queries that have ended, and how long the oldest work has its connection now: what hangs is in no quantile. DatabaseSlowQueries warns at a p95 above 0.25 s.',
        unit: 's',
        queries: [oldest('running', 'runs now'), ...quantiles('db_query_duration_seconds')],
        levels: [{ at: 0.25, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Query p95 by operation',
        description: 'Which kind of query on which schema is slow, over 5 minutes: what DatabaseSlowQueries holds against 0.25 s (dashed).',
        unit: 's',
        queries: [{ expr: ofJob('job_schema_operation:db_query_duration_seconds:p95_rate5m'), legend: '{{operation}} {{schema}}' }],
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
        description: 'How long the oldest work waits now, for a connection or for SQLite\'s write lock; and p50, p95, p99 of the waits that have ended, of who gave up too. Most work reads and waits for nothing, so a lock that keeps all who write is seen in the first alone.',
        unit: 's',
        queries: [oldest('waiting', 'waits now'), ...quantiles('db_connection_pool_acquire_duration_seconds')],
      }),
    )
    .withPanel(
      graph({
        title: 'Waits over 0.1 s',
        description: 'Share of the work that waited longer than 0.1 s for a connection, over 5 minutes, who gave up among them. DatabasePoolWaits warns above 5 %.',
        unit: 'percentunit',
        queries: [
          {
            expr: `1 - instance:db_connection_pool_acquire_within:rate5m${sel()} / (instance:db_connection_pool_acquires:rate5m${sel()} > 0)`,
            legend: '{{instance}}',
          },
        ],
        levels: [{ at: 0.05, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Gave up waiting',
        description: 'Requests in 5 minutes that got no connection in time and were answered 503. DatabasePoolTimeouts warns at the first and pages above 5.',
        unit: 'short',
        queries: [
          { expr: `sum by (instance) (increase(db_connection_pool_acquire_timeouts_total${sel()}[5m]))`, legend: '{{instance}}' },
        ],
        levels: [{ at: 5, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Pool in use',
        description: 'Share of the connections that are at work. DatabasePoolExhausted pages above 90 % when somebody waits.',
        unit: 'percentunit',
        max: 1,
        queries: [{ expr: `instance:db_connection_pool:utilisation${sel()}`, legend: '{{instance}}' }],
        levels: [{ at: 0.9, color: 'red' }],
      }),
    );
}
