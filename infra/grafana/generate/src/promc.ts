// For any C program that uses promc; nothing specific to ProspectFlow.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { board } from './board';
import { graph, row, sel, single } from './panels';
import { quantile } from './service/queries';

export function promc(): dashboard.Dashboard {
  const b = board({
    uid: 'promc',
    title: 'promc: a C program',
    description: 'Process, allocator, event loop and exposition of any C program that uses promc.',
    tags: ['promc'],
    anchor: 'promc_series',
  });
  b.withRow(row('Process'))
    .withPanel(
      single({
        title: 'Up',
        description: 'Share of configured instances whose last scrape succeeded.',
        unit: 'percentunit',
        queries: [{ expr: `avg(up${sel()})`, legend: 'up' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
      }),
    )
    .withPanel(
      single({
        title: 'Uptime',
        description: 'Uptime of the instance that started last.',
        unit: 's',
        base: 'blue',
        queries: [{ expr: `min(time() - process_start_time_seconds${sel()})`, legend: 'uptime' }],
      }),
    )
    .withPanel(
      single({
        title: 'Instances',
        description: 'Number of configured instances.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `count(up${sel()})`, legend: 'instances' }],
      }),
    )
    .withPanel(
      single({
        title: 'Cores used',
        description: 'CPU usage of all instances, in cores.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `sum(rate(process_cpu_seconds_total${sel()}[$__rate_interval]))`, legend: 'cores used' }],
      }),
    )
    .withPanel(
      single({
        title: 'Resident memory',
        description: 'Resident memory of all instances.',
        unit: 'bytes',
        base: 'blue',
        queries: [{ expr: `sum(process_resident_memory_bytes${sel()})`, legend: 'resident memory' }],
      }),
    )
    .withPanel(
      single({
        title: 'Active series',
        description: 'Number of series in all instances.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `sum(promc_series${sel()})`, legend: 'series' }],
      }),
    )
    .withPanel(
      single({
        title: 'Scrape duration',
        description: 'Duration of the last scrape of the slowest instance.',
        unit: 's',
        base: 'blue',
        queries: [{ expr: `max(promc_scrape_duration_seconds${sel()})`, legend: 'scrape duration' }],
      }),
    )
    .withPanel(
      single({
        title: 'Dropped in 15 min',
        description: 'Lookups that got an overflow series because a series cap or the memory limit was reached.',
        unit: 'short',
        queries: [{ expr: `sum(increase(promc_series_dropped_total${sel()}[15m])) or vector(0)`, legend: 'dropped in 15 min' }],
        levels: [{ at: 1, color: 'red' }],
        decimals: 0,
      }),
    )
    .withPanel(
      graph({
        title: 'CPU',
        width: 12,
        description: 'CPU usage by instance, in cores.',
        unit: 'short',
        softMax: 1,
        queries: [{ expr: `sum by (instance) (rate(process_cpu_seconds_total${sel()}[$__rate_interval]))`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Memory',
        width: 12,
        description: 'Resident memory and heap. Expected to be flat under steady load.',
        unit: 'bytes',
        queries: [
          { expr: `sum by (instance) (process_resident_memory_bytes${sel()})`, legend: 'resident {{instance}}' },
          { expr: `sum by (instance) (process_heap_bytes${sel()})`, legend: 'heap {{instance}}' },
        ],
      }),
    )
    .withPanel(
      graph({
        title: 'File descriptors',
        width: 12,
        description: 'Open file descriptors as a share of the limit.',
        unit: 'percentunit',
        queries: [
          { expr: `sum by (instance) (process_open_fds${sel()}) / sum by (instance) (process_max_fds${sel()})`, legend: '{{instance}}' },
        ],
        levels: [{ at: 0.8, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Threads',
        width: 12,
        description: 'OS threads by instance.',
        unit: 'short',
        queries: [{ expr: `sum by (instance) (process_threads${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withRow(row('Allocator and event loop'))
    .withPanel(
      graph({
        title: 'Allocator',
        width: 12,
        description: 'Memory allocated through malloc, and memory malloc keeps free. Needs promc_collect_malloc().',
        unit: 'bytes',
        queries: [
          { expr: `sum by (instance) (malloc_allocated_bytes${sel()})`, legend: 'allocated {{instance}}' },
          { expr: `sum by (instance) (malloc_free_bytes${sel()})`, legend: 'free {{instance}}' },
        ],
        noValue: 'not registered',
      }),
    )
    .withPanel(
      graph({
        title: 'Event-loop lag',
        width: 12,
        description: 'p99 of the delay of timers on the event loops. Needs promc-uv.',
        unit: 's',
        queries: [
          {
            expr: quantile(0.99, 'eventloop_lag_seconds', 'instance, loop'),
            legend: '{{instance}} loop {{loop}}',
          },
        ],
        levels: [{ at: 0.1, color: 'red' }],
        noValue: 'no event loops',
      }),
    )
    .withRow(row('Exposition'))
    .withPanel(
      graph({
        title: 'Exposition duration',
        description: 'Time promc took to write the last scrape, including the wait for a slow reader.',
        unit: 's',
        queries: [{ expr: `max by (instance) (promc_scrape_duration_seconds${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Exposition size',
        description: 'Size of the last scrape.',
        unit: 'bytes',
        queries: [{ expr: `max by (instance) (promc_scrape_bytes${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Series',
        description: 'Number of series. A steady rise points to a label with unbounded values.',
        unit: 'short',
        queries: [{ expr: `sum by (instance) (promc_series${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Arena',
        width: 12,
        description: 'Memory used by the metrics registry.',
        unit: 'bytes',
        queries: [{ expr: `sum by (instance) (promc_arena_bytes${sel()})`, legend: '{{instance}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Dropped series and failed collectors',
        width: 12,
        description: 'Lookups that got an overflow series, and failed collector runs, per second. Both should be 0.',
        unit: 'suffix: /s',
        queries: [
          { expr: `sum by (instance, family) (rate(promc_series_dropped_total${sel()}[$__rate_interval]))`, legend: 'dropped {{family}}' },
          { expr: `sum by (instance, collector) (rate(promc_collector_errors_total${sel()}[$__rate_interval]))`, legend: 'failed {{collector}}' },
        ],
        noValue: 'none',
      }),
    );
  return b.build();
}
