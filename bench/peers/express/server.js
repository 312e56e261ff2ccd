// SPDX-License-Identifier: Apache-2.0

// What ingest-api replaces, for comparison: Express, prom-client, pino, and pg or better-sqlite3, doing the same work for
// `GET /health`, `GET /api/v1/prospects` and `POST /api/v1/prospects/import` with a JSON array or CSV. Environment: PORT,
// DATA_DIR, API_KEY (created here for SQLite; ingest-api creates PostgreSQL's), METRICS_ENABLED, STORE (postgres://…;
// default: SQLite in DATA_DIR), STORE_THREADS (connections; default 4, like ingest-api).
import { parse } from 'csv-parse';
import express from 'express';
import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pino from 'pino';
import { pinoHttp } from 'pino-http';
import * as metrics from './metrics.js';
import { openPostgres } from './postgres.js';
import { openSqlite } from './sqlite.js';

const logger = pino({ name: 'ingest-api' });
const url = process.env.STORE ?? '';
const store = url.startsWith('postgres')
  ? openPostgres(url, Number(process.env.STORE_THREADS ?? 4))
  : openSqlite(join(process.env.DATA_DIR ?? '.', 'express.db'));
if (process.env.API_KEY) store.createOrganisation?.('benchmark', process.env.API_KEY);

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

// Like ingest-api: a key that was looked up is cached for 30 s.
const known = new Map();

async function authenticate(req, res, next) {
  const [, key] = /^Bearer (\S+)$/.exec(req.headers.authorization ?? '') ?? [];
  const entry = known.get(key);
  if (entry && entry.expires > Date.now()) {
    req.organisation = entry.organisation;
  } else if (key) {
    req.organisation = await store.organisationOf(key);
    known.set(key, { organisation: req.organisation, expires: Date.now() + 30000 });
  }
  if (!req.organisation) return fail(req, res, 401, 'unauthorized', 'a valid API key is required');
  next();
}

/** Express 4 does not support promises. */
const async = (handler) => (req, res, next) => handler(req, res, next).catch(next);

app.get('/health', async(async (req, res) => {
  await store.check();
  res.json({
    status: 'ok',
    timestamp: new Date().toISOString(),
    checks: { store: 'ok', queue: 'ok' },
    metrics: { endpoint: '/metrics', prometheus: 'http://localhost:9090', grafana: 'http://localhost:3001' },
  });
}));

app.get('/metrics', async (req, res) => {
  res.set('Content-Type', metrics.register.contentType).end(await metrics.register.metrics());
});

const knownFields = new Set(['first_name', 'last_name', 'company', 'title', 'phone', 'website', 'country']);

/** The normalised row for the store, or { field, reason }. */
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
    if (field === 'email' || knownFields.has(field)) row[field] = text;
    else custom[field] = text;
  }
  if (!row.email) return { field: 'email', reason: 'missing' };
  if (row.email.length > 320 || !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(row.email))
    return { field: 'email', reason: 'invalid_email' };
  row.email = row.email.toLowerCase();
  if (Object.keys(custom).length) row.custom = JSON.stringify(custom);
  return { row };
}

/** [{ input, line }] of the request, or undefined if it has no rows. */
async function readRows(req) {
  if (Array.isArray(req.body)) return req.body.map((input, i) => ({ input, line: i + 1 }));
  if (typeof req.body !== 'string') return undefined;
  const rows = [];
  const parser = parse(req.body, { columns: true, info: true, relax_column_count: true });
  for await (const { record, info } of parser) rows.push({ input: record, line: info.lines });
  return rows;
}

const bodies = [express.json({ limit: '64mb' }), express.text({ type: 'text/csv', limit: '64mb' })];

app.post('/api/v1/prospects/import', async(authenticate), bodies, async(async (req, res) => {
  const inputs = await readRows(req);
  if (!inputs) return fail(req, res, 400, 'invalid_json', 'a JSON array or CSV is expected');
  const rows = [];
  const errors = [];
  for (const { input, line } of inputs) {
    const { row, field, reason } = normalise(input);
    if (row) rows.push(row);
    else errors.push({ line, field, reason });
  }
  const imported = await store.importProspects(req.organisation, rows, req.id);
  const organisation = store.organisationText(req.organisation);
  metrics.prospects(organisation, 'imported', rows.length);
  metrics.prospects(organisation, 'rejected', errors.length);
  metrics.published('prospect.validate', Math.ceil(rows.length / 500));
  res.json({ imported, updated: rows.length - imported, rejected: errors.length, errors: errors.slice(0, 1000),
    errors_truncated: errors.length > 1000 });
}));

const cursorOf = (req, id) => id.replaceAll('-', '') +
  createHash('sha256').update(`cursor 1|${id}|${store.organisationText(req.organisation)}|prospects||`).digest('hex').slice(0, 16);

function afterCursor(req) {
  const cursor = req.query.cursor;
  if (cursor === undefined) return '00000000-0000-0000-0000-000000000000';
  const id = String(cursor).slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return cursorOf(req, id) === cursor ? id : undefined;
}

function prospect(row) {
  const { custom, created_at, updated_at, research, ...rest } = row;
  return { ...rest, custom_fields: custom ? JSON.parse(custom) : {}, research: research ? JSON.parse(research) : null,
    created_at: new Date(created_at).toISOString(), updated_at: new Date(updated_at).toISOString() };
}

app.get('/api/v1/prospects', async(authenticate), async(async (req, res) => {
  const limit = Number(req.query.limit ?? 100);
  const after = afterCursor(req);
  if (!Number.isInteger(limit) || limit < 1 || limit > 500 || !after)
    return fail(req, res, 400, 'invalid_parameter', 'limit or cursor cannot be used');
  const rows = await store.page(req.organisation, after, limit + 1);
  const more = rows.length > limit;
  if (more) rows.length = limit;
  res.json({ data: rows.map(prospect), next_cursor: more ? cursorOf(req, rows.at(-1).id) : null });
}));

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
