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
        description: 'p50, p95 and p99 of finished queries, and the age of the oldest running operation: a hanging query is in no quantile. DatabaseSlowQueries warns at a p95 above 0.25 s.',
        unit: 's',
        queries: [oldest('running', 'oldest running'), ...quantiles('db_query_duration_seconds')],
        levels: [{ at: 0.25, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Query p95 by operation',
        description: 'p95 of the query time by operation and schema over 5 minutes. DatabaseSlowQueries compares it with 0.25 s (dashed).',
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
        description: 'Failed queries per second by SQLSTATE class: 08 connection, 23 constraint, 40 transaction rollback, 53 insufficient resources, 57 operator intervention, 58 I/O error. DatabaseErrors warns above 0.1/s.',
        unit: 'ops',
        queries: [{ expr: rate('db_query_errors_total', 'sqlstate_class, schema'), legend: '{{sqlstate_class}} {{schema}}' }],
        levels: [{ at: 0.1, color: 'red' }],
        noValue: 'no errors',
      }),
    )
    .withPanel(
      graph({
        title: 'Connection pool',
        description: 'Active and idle connections, and the size of the pool. DatabasePoolExhausted pages when more than 90 % are active and requests wait.',
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
        title: 'Connection wait time',
        description: 'Age of the oldest operation that waits for a connection or SQLite\'s write lock, and p50, p95 and p99 of finished waits, including timeouts. Most operations only read and do not wait, so a lock that blocks all writers shows only in the first.',
        unit: 's',
        queries: [oldest('waiting', 'oldest waiting'), ...quantiles('db_connection_pool_acquire_duration_seconds')],
      }),
    )
    .withPanel(
      graph({
        title: 'Waits over 0.1 s',
        description: 'Share of operations that waited longer than 0.1 s for a connection, including timeouts, over 5 minutes. DatabasePoolWaits warns above 5 %.',
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
        title: 'Pool timeouts',
        description: 'Operations in 5 minutes that got no connection in time; their requests are answered with 503. DatabasePoolTimeouts warns at the first and pages above 5.',
        unit: 'short',
        queries: [
          { expr: `sum by (instance) (increase(db_connection_pool_acquire_timeouts_total${sel()}[5m]))`, legend: '{{instance}}' },
        ],
        levels: [{ at: 5, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Pool utilisation',
        description: 'Share of active connections. DatabasePoolExhausted pages above 90 % if requests wait.',
        unit: 'percentunit',
        max: 1,
        queries: [{ expr: `instance:db_connection_pool:utilisation${sel()}`, legend: '{{instance}}' }],
        levels: [{ at: 0.9, color: 'red' }],
      }),
    );
}
