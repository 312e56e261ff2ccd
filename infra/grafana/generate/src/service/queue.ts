// Jobs: the queues, and RabbitMQ where it carries them.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, row, sel, single } from '../panels';
import { ofJob, quantile, quantiles, queue, rate, share } from './queries';

export function queues(b: dashboard.DashboardBuilder): void {
  b.withRow(row('Queue'))
    .withPanel(
      graph({
        title: 'Depth',
        description: 'Waiting and running messages by queue, from the store, so also while RabbitMQ is down. All instances report the same value: aggregated with max, not sum. HighQueueDepth warns above 1000.',
        unit: 'short',
        queries: [{ expr: ofJob('queue:queue_depth:max', queue), legend: '{{queue}}' }],
        levels: [{ at: 1000, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Oldest message',
        description: 'Age of the oldest waiting message: how late the queue is. QueueConsumerLag warns above 5 minutes.',
        unit: 's',
        queries: [{ expr: `max by (queue) (queue_oldest_message_age_seconds${sel(queue)})`, legend: '{{queue}}' }],
        levels: [{ at: 300, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Published and consumed',
        description: 'Messages published and consumed per second. If more are published than consumed, the depth grows.',
        unit: 'mps',
        queries: [{ expr: rate('queue_messages_total', 'queue, action', queue), legend: '{{queue}} {{action}}' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Processing time',
        description: 'p50, p95 and p99 of the processing time of a message.',
        unit: 's',
        queries: quantiles('queue_processing_duration_seconds', 'queue', queue),
      }),
    )
    .withPanel(
      graph({
        title: 'Failures and retries',
        description: 'Failed messages per second by reason, and retries. A dead-lettered message needs an operator (QueueDeadLettering).',
        unit: 'mps',
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
        description: 'Consumers of each queue. 0 while the depth is above 0 pages (QueueNoConsumers).',
        unit: 'short',
        queries: [{ expr: `max by (queue) (queue_consumers${sel(queue)})`, legend: '{{queue}}' }],
      }),
    );
}

/** RabbitMQ, if QUEUE selects it. Empty with the embedded queue. */
export function broker(b: dashboard.DashboardBuilder): void {
  const embedded = 'embedded queue';
  const count = (metric: string, more = '', window = '[15m]') => `sum(increase(${metric}${sel(more)}${window}))`;
  const answers = (more = '') => `sum(rate(amqp_confirms_total${sel(more)}[$__rate_interval]))`;
  const deliveries = (more = '') => `sum(rate(amqp_deliveries_total${sel(more)}[$__rate_interval]))`;
  b.withRow(row('Broker'))
    .withPanel(
      single({
        title: 'Connections up',
        description: 'Share of the connections to RabbitMQ that are up, over all instances. The series exist from the start, even if RabbitMQ was never reachable. QueueBrokerDown pages when one is down for 3 minutes.',
        unit: 'percentunit',
        queries: [{ expr: `avg(amqp_connection_up${sel()})`, legend: 'up' }],
        base: 'red',
        levels: [{ at: 1, color: 'green' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      single({
        title: 'Connections blocked',
        description: 'Connections that RabbitMQ blocks because it is low on memory or disk (QueueBrokerBlocked).',
        unit: 'short',
        queries: [{ expr: `sum(amqp_connection_blocked${sel()})`, legend: 'blocked' }],
        levels: [{ at: 1, color: 'red' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      single({
        title: 'Reconnects in 15 min',
        description: 'Reconnects to RabbitMQ in the last 15 minutes. QueueBrokerReconnecting warns above 5 for one connection.',
        unit: 'short',
        decimals: 0,
        queries: [{ expr: count('amqp_reconnects_total'), legend: 'reconnects' }],
        levels: [{ at: 6, color: 'red' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      single({
        title: 'Publishes rejected',
        description: 'Share of published messages that RabbitMQ rejected or could not route. QueuePublishesRefused warns above 5 %.',
        unit: 'percentunit',
        queries: [{ expr: share(answers('outcome=~"nack|returned"'), answers()), legend: 'rejected' }],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none published',
      }),
    )
    .withPanel(
      single({
        title: 'Redeliveries',
        description: 'Share of deliveries that are redeliveries. QueueRedeliveryLoop warns above 50 %.',
        unit: 'percentunit',
        queries: [{ expr: share(deliveries('redelivered="true"'), deliveries()), legend: 'redelivered' }],
        levels: [{ at: 0.5, color: 'red' }],
        noValue: 'none delivered',
      }),
    )
    .withPanel(
      single({
        title: 'Messages in the store',
        description: 'Messages of all queues in the store, published when RabbitMQ is back.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `sum(${ofJob('queue:queue_depth:max')})`, legend: 'waiting' }],
      }),
    )
    .withPanel(
      single({
        title: 'Oldest message in the store',
        description: 'Age of the oldest due message in the store, over all queues. QueueConsumerLag warns above 5 minutes.',
        unit: 's',
        queries: [{ expr: `max(queue_oldest_message_age_seconds${sel()})`, legend: 'oldest' }],
        levels: [{ at: 300, color: 'red' }],
      }),
    )
    .withPanel(
      single({
        title: 'Depth last read',
        description: 'Time since the queue depth was last read from the store, for the stalest queue. QueueDepthStale warns above 2 minutes.',
        unit: 's',
        queries: [
          { expr: `max(time() - max by (queue) (queue_depth_last_success_timestamp_seconds${sel()}))`, legend: 'ago' },
        ],
        levels: [{ at: 120, color: 'red' }],
      }),
    )
    .withPanel(
      graph({
        title: 'Connections',
        description: 'State of each connection to RabbitMQ, 1 (up) or 0, the minimum over all instances. relay publishes, consumer consumes, monitor reads the consumer counts.',
        unit: 'short',
        max: 1,
        queries: [{ expr: `min by (connection) (amqp_connection_up${sel()})`, legend: '{{connection}}' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Connection attempts',
        description: 'Connection attempts in 5 minutes by outcome, and closed connections by reason.',
        unit: 'short',
        queries: [
          { expr: `sum by (connection, outcome) (increase(amqp_connects_total${sel()}[5m]))`, legend: '{{connection}} {{outcome}}' },
          { expr: `sum by (connection, reason) (increase(amqp_disconnects_total${sel()}[5m]))`, legend: '{{connection}} closed: {{reason}}' },
        ],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Publish rate',
        description: 'Messages published per second, and RabbitMQ\'s confirms by outcome.',
        unit: 'mps',
        queries: [
          { expr: rate('amqp_publishes_total', 'outcome'), legend: 'published: {{outcome}}' },
          { expr: rate('amqp_confirms_total', 'outcome'), legend: 'confirmed: {{outcome}}' },
        ],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Delivery rate',
        description: 'Deliveries per second, and how they were settled: acknowledged, rejected or requeued.',
        unit: 'mps',
        queries: [
          { expr: rate('amqp_deliveries_total', 'redelivered'), legend: 'delivered, redelivered={{redelivered}}' },
          { expr: rate('amqp_settlements_total', 'outcome'), legend: 'settled: {{outcome}}' },
        ],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Confirm latency p95',
        description: '95th percentile of the time from publish to confirm, by destination. With quorum queues it includes disk writes on the replicas.',
        unit: 's',
        queries: [{ expr: quantile(0.95, 'amqp_publish_duration_seconds', 'destination'), legend: '{{destination}}' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Messages in flight',
        description: 'Published messages without a confirm yet, and delivered messages not settled yet.',
        unit: 'short',
        queries: [
          { expr: `sum by (connection) (amqp_unconfirmed_messages${sel()})`, legend: '{{connection}} unconfirmed' },
          { expr: `sum by (connection) (amqp_unsettled_messages${sel()})`, legend: '{{connection}} unsettled' },
        ],
        noValue: embedded,
      }),
    );
}
