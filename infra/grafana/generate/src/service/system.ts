// The process: limits, loops, allocator.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, row, sel } from '../panels';
import { quantile } from './queries';

export function system(b: dashboard.DashboardBuilder): void {
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
