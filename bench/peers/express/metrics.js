// SPDX-License-Identifier: Apache-2.0

// The metrics that a request of this service updates, with ingest-api's names, labels and buckets, in the usual way of
// Express: prom-client, a middleware on `finish`, labels as objects. METRICS_ENABLED=0 switches all of it off.
import client from 'prom-client';

export const enabled = process.env.METRICS_ENABLED !== '0';
export const register = new client.Registry();
const registers = [register];

const httpLabels = ['method', 'route', 'status_code'];
const sizes = [100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];
const httpDuration = new client.Histogram({
  name: 'http_request_duration_seconds', help: 'Duration of HTTP requests.', labelNames: httpLabels, registers,
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
});
const httpRequests = new client.Counter({
  name: 'http_requests_total', help: 'HTTP requests.', labelNames: httpLabels, registers,
});
const inFlight = new client.Gauge({ name: 'http_requests_in_flight', help: 'Requests being served.', registers });
const requestSize = new client.Histogram({
  name: 'http_request_size_bytes', help: 'Size of request bodies.', labelNames: ['method', 'route'], buckets: sizes,
  registers,
});
const responseSize = new client.Histogram({
  name: 'http_response_size_bytes', help: 'Size of response bodies.', labelNames: ['method', 'route'], buckets: sizes,
  registers,
});
const dbDuration = new client.Histogram({
  name: 'db_query_duration_seconds', help: 'Duration of database queries.', labelNames: ['operation', 'schema'],
  buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10], registers,
});
const queueMessages = new client.Counter({
  name: 'queue_messages_total', help: 'Jobs published and consumed.', labelNames: ['queue', 'action'], registers,
});
const prospectsProcessed = new client.Counter({
  name: 'prospects_processed_total', help: 'Prospects by what was done.', labelNames: ['organisation_id', 'action'],
  registers,
});

if (enabled) client.collectDefaultMetrics({ register });

/** Around each query, which may be a promise; `schema` and `operation` as in ingest-api. */
export function timed(operation, schema, run) {
  if (!enabled) return run();
  const end = dbDuration.startTimer({ operation, schema });
  let result;
  try {
    result = run();
  } finally {
    if (typeof result?.then !== 'function') end();
  }
  return typeof result?.then === 'function' ? result.finally(end) : result;
}

export function prospects(organisation_id, action, n) {
  if (enabled && n) prospectsProcessed.inc({ organisation_id, action }, n);
}

export function published(queue, n) {
  if (enabled && n) queueMessages.inc({ queue, action: 'published' }, n);
}

export function middleware(req, res, next) {
  const start = process.hrtime.bigint();
  inFlight.inc();
  res.once('close', () => {
    const method = req.method;
    const route = req.route?.path ?? '<unmatched>';
    const labels = { method, route, status_code: res.writableFinished ? res.statusCode : 499 };
    inFlight.dec();
    httpDuration.observe(labels, Number(process.hrtime.bigint() - start) / 1e9);
    httpRequests.inc(labels);
    requestSize.observe({ method, route }, Number(req.headers['content-length'] ?? 0));
    responseSize.observe({ method, route }, Number(res.getHeader('content-length') ?? 0));
  });
  next();
}
