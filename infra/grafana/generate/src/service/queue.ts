// Jobs: the queues, and RabbitMQ where it carries them.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { graph, row, sel, single } from '../panels';
import { ofJob, quantile, quantiles, queue, rate, share } from './queries';

export function queues(b: dashboard.DashboardBuilder): void {
  b.withRow(row('Queue'))
    .withPanel(
      graph({
        title: 'Depth',
        description: 'Messages that wait or are worked on in each queue. The store says so, also while RabbitMQ is away; it is shared by all instances, so the maximum, not the sum. HighQueueDepth warns above 1000.',
        unit: 'short',
        queries: [{ expr: ofJob('queue:queue_depth:max', queue), legend: '{{queue}}' }],
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
        unit: 'mps',
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
        description: 'Workers that take from each queue. 0 while the depth is above 0 pages (QueueNoConsumers).',
        unit: 'short',
        queries: [{ expr: `max by (queue) (queue_consumers${sel(queue)})`, legend: '{{queue}}' }],
      }),
    );
}

/** RabbitMQ, where QUEUE names it; with the embedded queue there is nothing to see. */
export function broker(b: dashboard.DashboardBuilder): void {
  const embedded = 'embedded queue';
  const count = (metric: string, more = '', window = '[15m]') => `sum(increase(${metric}${sel(more)}${window}))`;
  const answers = (more = '') => `sum(rate(amqp_confirms_total${sel(more)}[$__rate_interval]))`;
  const deliveries = (more = '') => `sum(rate(amqp_deliveries_total${sel(more)}[$__rate_interval]))`;
  b.withRow(row('Broker'))
    .withPanel(
      single({
        title: 'Connections up',
        description: 'Share of the connections to RabbitMQ that are up, of all instances; each exists from the start, also when RabbitMQ never was there. QueueBrokerDown pages when one has not been for 3 minutes.',
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
        description: 'Connections that RabbitMQ, short of memory or disk, takes nothing from (QueueBrokerBlocked).',
        unit: 'short',
        queries: [{ expr: `sum(amqp_connection_blocked${sel()})`, legend: 'blocked' }],
        levels: [{ at: 1, color: 'red' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      single({
        title: 'Reconnects in 15 min',
        description: 'Connections that were lost and made anew in the last 15 minutes. QueueBrokerReconnecting warns when it is more than 5 of one.',
        unit: 'short',
        decimals: 0,
        queries: [{ expr: count('amqp_reconnects_total'), legend: 'reconnects' }],
        levels: [{ at: 6, color: 'red' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      single({
        title: 'Publishes refused',
        description: 'Share of the published messages that RabbitMQ refused or could not route. QueuePublishesRefused warns above 5 %.',
        unit: 'percentunit',
        queries: [{ expr: share(answers('outcome=~"nack|returned"'), answers()), legend: 'refused' }],
        levels: [{ at: 0.05, color: 'red' }],
        noValue: 'none published',
      }),
    )
    .withPanel(
      single({
        title: 'Delivered again',
        description: 'Share of the deliveries that were not the message\'s first. QueueRedeliveryLoop warns above 50 %.',
        unit: 'percentunit',
        queries: [{ expr: share(deliveries('redelivered="true"'), deliveries()), legend: 'again' }],
        levels: [{ at: 0.5, color: 'red' }],
        noValue: 'none delivered',
      }),
    )
    .withPanel(
      single({
        title: 'Waiting in the store',
        description: 'Messages of all queues, as the store has them: what goes out when RabbitMQ is back.',
        unit: 'short',
        base: 'blue',
        queries: [{ expr: `sum(${ofJob('queue:queue_depth:max')})`, legend: 'waiting' }],
      }),
    )
    .withPanel(
      single({
        title: 'Oldest in the store',
        description: 'Age of the oldest message that is due, of all queues, as the store has it. QueueConsumerLag warns above 5 minutes.',
        unit: 's',
        queries: [{ expr: `max(queue_oldest_message_age_seconds${sel()})`, legend: 'oldest' }],
        levels: [{ at: 300, color: 'red' }],
      }),
    )
    .withPanel(
      single({
        title: 'Depth read',
        description: 'Time since the depth of a queue was last read from the store, of the queue that is worst off. QueueDepthStale warns after 2 minutes without.',
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
        description: 'Whether each connection to RabbitMQ is up, 1 or 0, the least of all instances: relay publishes, consumer takes, monitor asks for the consumers.',
        unit: 'short',
        max: 1,
        queries: [{ expr: `min by (connection) (amqp_connection_up${sel()})`, legend: '{{connection}}' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Attempts to connect',
        description: 'Attempts in 5 minutes, by outcome, and connections that ended, by what ended them.',
        unit: 'short',
        queries: [
          { expr: `sum by (connection, outcome) (increase(amqp_connects_total${sel()}[5m]))`, legend: '{{connection}} {{outcome}}' },
          { expr: `sum by (connection, reason) (increase(amqp_disconnects_total${sel()}[5m]))`, legend: '{{connection}} ended: {{reason}}' },
        ],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Messages out',
        description: 'Messages handed to the connection, and what RabbitMQ said of them, per second.',
        unit: 'mps',
        queries: [
          { expr: rate('amqp_publishes_total', 'outcome'), legend: 'handed over: {{outcome}}' },
          { expr: rate('amqp_confirms_total', 'outcome'), legend: 'confirmed: {{outcome}}' },
        ],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Messages in',
        description: 'Deliveries per second, and what became of them: acknowledged, rejected, given back.',
        unit: 'mps',
        queries: [
          { expr: rate('amqp_deliveries_total', 'redelivered'), legend: 'delivered, again={{redelivered}}' },
          { expr: rate('amqp_settlements_total', 'outcome'), legend: 'settled: {{outcome}}' },
        ],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'Time to the confirm',
        description: 'p95 of the time until a published message was confirmed: the disks of a quorum.',
        unit: 's',
        queries: [{ expr: quantile(0.95, 'amqp_publish_duration_seconds', 'destination'), legend: '{{destination}}' }],
        noValue: embedded,
      }),
    )
    .withPanel(
      graph({
        title: 'On the way',
        description: 'Messages that were published and wait for their confirm, and that were delivered and are worked on.',
        unit: 'short',
        queries: [
          { expr: `sum by (connection) (amqp_unconfirmed_messages${sel()})`, legend: '{{connection}} unconfirmed' },
          { expr: `sum by (connection) (amqp_unsettled_messages${sel()})`, legend: '{{connection}} unsettled' },
        ],
        noValue: embedded,
      }),
    );
}
