// The process: limits, loops, allocator.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, row, sel } from '../panels';
import { quantile } from './queries';

export function system(b: dashboard.DashboardBuilder): void {
  b.withRow(row('System'))
    .withPanel(
      graph({
        title: 'CPU vs. limit',
        description: 'CPU usage as a share of the CPU limit. HighCpuUsage warns above 90 %.',
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
        title: 'Memory vs. limit',
        description: 'Resident memory as a share of the memory limit of the container or host. HighMemoryUsage warns above 80 %.',
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
        description: 'Resident memory and heap. Expected to be flat under steady traffic.',
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
        description: 'Delay of timers on the event loops. A p99 above 0.1 s means that something blocks a loop (EventLoopLag).',
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
        description: 'Share of time in which a loop was busy. Near 100 % the loop is saturated: add loops or a replica.',
        unit: 'percentunit',
        max: 1,
        queries: [{ expr: `max by (instance, loop) (eventloop_utilization_ratio${sel()})`, legend: '{{instance}} loop {{loop}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'File descriptors',
        description: 'Open file descriptors as a share of the limit. FileDescriptorsExhausting warns above 80 %.',
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
        description: 'Memory allocated through malloc, and memory malloc keeps free. Free memory that keeps growing is fragmentation.',
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
        description: 'OS threads of the process: event loops, store threads, workers.',
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
