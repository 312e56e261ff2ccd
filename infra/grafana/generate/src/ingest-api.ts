// The service's dashboard for the person on call, from "is it up" at the top to "why" at the bottom.
// Thresholds are those of infra/prometheus/rules/*.yml.
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { board } from './board';
import { api, instances } from './service/http';
import { business, organisations } from './service/business';
import { database } from './service/database';
import { objectives, overview } from './service/overview';
import { organisationVariable } from './service/queries';
import { broker, queues } from './service/queue';
import { system } from './service/system';

export function ingestApi(): dashboard.Dashboard {
  const b = board({
    uid: 'ingest-api',
    title: 'ingest-api',
    description: 'ProspectFlow ingest-api: overview, objectives, HTTP by route and by instance, database, queue, broker, business, organisations, system. Source: infra/grafana/generate.',
    tags: ['promc', 'prospectflow', 'ingest-api'],
    anchor: 'ingest_api_build_info',
    job: 'ingest-api',
    deploy: 'ingest_api_build_info',
    variables: [
      { name: 'route', label: 'Route', query: 'label_values(http_requests_total{job=~"$job", instance=~"$instance"}, route)' },
      { name: 'queue', label: 'Queue', query: 'label_values(queue_messages_total{job=~"$job", instance=~"$instance"}, queue)' },
      organisationVariable(),
    ],
  });
  for (const section of [overview, objectives, api, instances, database, queues, broker, business, organisations, system]) section(b);
  return b.build();
}
