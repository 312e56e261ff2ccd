// SPDX-License-Identifier: Apache-2.0

// What ingest-api replaces, for comparison: Express, prom-client, pino and better-sqlite3 doing the same work for
// `GET /health` and `POST /api/v1/prospects/import` with a JSON array. Environment: PORT, DATA_DIR, API_KEY,
// METRICS_ENABLED.
import express from 'express';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pino from 'pino';
import { pinoHttp } from 'pino-http';
import * as metrics from './metrics.js';
import { openStore, uuidText } from './store.js';

const logger = pino({ name: 'ingest-api' });
const store = openStore(join(process.env.DATA_DIR ?? '.', 'express.db'));
if (process.env.API_KEY) store.createOrganisation('benchmark', process.env.API_KEY);

const app = express();
app.disable('x-powered-by');
app.disable('etag');

app.use(pinoHttp({
  logger,
  genReqId(req, res) {
    const given = req.headers['x-request-id'];
    const id = /^[A-Za-z0-9._-]{1,63}$/.test(given ?? '') ? given : randomUUID();
    res.setHeader('X-Request-Id', id);
    return id;
  },
  // the fields of ingest-api's access log, instead of every header
  serializers: {
    req: (req) => ({ id: req.id, method: req.method, url: req.url }),
    res: (res) => ({ statusCode: res.statusCode }),
  },
}));
if (metrics.enabled) app.use(metrics.middleware);

const fail = (req, res, status, code, message) =>
  res.status(status).json({ error: { code, message, request_id: req.id } });

function authenticate(req, res, next) {
  const [, key] = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '') ?? [];
  req.organisation = key && store.organisationOf(key);
  if (!req.organisation) return fail(req, res, 401, 'unauthorized', 'a valid API key is required');
  next();
}

app.get('/health', (req, res) => {
  store.check();
  res.json({
    status: 'ok',
    timestamp: new Date().toISOString(),
    checks: { store: 'ok', queue: 'ok' },
    metrics: { endpoint: '/metrics', prometheus: 'http://localhost:9090', grafana: 'http://localhost:3001' },
  });
});

app.get('/metrics', async (req, res) => {
  res.set('Content-Type', metrics.register.contentType).end(await metrics.register.metrics());
});

const known = new Set(['first_name', 'last_name', 'company', 'title', 'phone', 'website', 'country']);

/** The row as it is stored, or { field, reason }. */
function normalise(input) {
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return { reason: 'not_an_object' };
  const row = {};
  const custom = {};
  for (const [name, value] of Object.entries(input)) {
    if (typeof value !== 'string') return { field: name, reason: 'not_text' };
    const text = value.trim();
    const field = name.trim().toLowerCase().replace(/[ -]/g, '_');
    if (text.length > 2000) return { field, reason: 'too_long' };
    if (/[\u0000-\u001f\u007f]/.test(text)) return { field, reason: 'control_character' };
    if (text === '') continue;
    if (field === 'email' || known.has(field)) row[field] = text;
    else custom[field] = text;
  }
  if (!row.email) return { field: 'email', reason: 'missing' };
  if (row.email.length > 320 || !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(row.email))
    return { field: 'email', reason: 'invalid_email' };
  row.email = row.email.toLowerCase();
  if (Object.keys(custom).length) row.custom = JSON.stringify(custom);
  return { row };
}

app.post('/api/v1/prospects/import', authenticate, express.json({ limit: '64mb' }), (req, res) => {
  if (!Array.isArray(req.body)) return fail(req, res, 400, 'invalid_json', 'a JSON array is expected');
  const rows = [];
  const errors = [];
  req.body.forEach((input, i) => {
    const { row, field, reason } = normalise(input);
    if (row) rows.push(row);
    else errors.push({ line: i + 1, field, reason });
  });
  const imported = store.importProspects(req.organisation, rows, req.id);
  const organisation = uuidText(req.organisation);
  metrics.prospects(organisation, 'imported', rows.length);
  metrics.prospects(organisation, 'rejected', errors.length);
  metrics.published('prospect.validate', rows.length);
  res.json({ imported, updated: rows.length - imported, rejected: errors.length, errors: errors.slice(0, 1000),
    errors_truncated: errors.length > 1000 });
});

app.use((req, res) => fail(req, res, 404, 'not_found', 'no such route'));
app.use((error, req, res, next) => {
  if (res.headersSent) return next(error);
  fail(req, res, error.status ?? 500, 'error', error.expose ? error.message : 'internal error');
});

const server = app.listen(Number(process.env.PORT ?? 3100), '127.0.0.1', () => logger.info('listening'));
process.once('SIGTERM', () => {
  server.close(() => store.close());
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), 1000).unref(); // a client that keeps its connection open
});
