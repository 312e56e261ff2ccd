// Serves the page, the boards' JSON, alerts, runbooks and the run's logs, and forwards read requests to Prometheus.
// Uses only Node's own modules. Listens on 127.0.0.1.
//   PORT              3001
//   PROMETHEUS_URL    http://127.0.0.1:9090
//   ALERTMANAGER_URL  http://127.0.0.1:9093
//   API_URL           http://127.0.0.1:3000   the service, for its /health
//   PROMETHEUS_TIMEOUT_MS  10000  time limit for each of their answers; after it the page says that the server does not answer
//   DASHBOARDS_DIR    infra/grafana/dashboards
//   RUNBOOKS_DIR      docs/runbooks
//   LOGS_DIR          var/log
//   PAGE_DIR          dist, the output of `npm run build`
import http from 'node:http';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { alerts, expire, silence } from './server/alerts.mjs';
import { Fault, readJson, send, sendFault, sendJson, types } from './server/answer.mjs';
import { question, search } from './server/logs.mjs';
import { runbook } from './server/runbooks.mjs';
import { Upstream } from './server/upstream.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const setting = (name, otherwise) => process.env[name] || otherwise;
const port = Number(setting('PORT', 3001));
const patience = Number(setting('PROMETHEUS_TIMEOUT_MS', 10000));
const dashboards = setting('DASHBOARDS_DIR', here('../../infra/grafana/dashboards'));
const runbooks = setting('RUNBOOKS_DIR', here('../../docs/runbooks'));
const logs = setting('LOGS_DIR', here('../../var/log'));
const dist = setting('PAGE_DIR', here('dist'));

function refuse(message) {
  console.error(message);
  process.exit(1);
}
if (!Number.isInteger(port) || port < 1 || port > 65535) refuse(`PORT="${process.env.PORT}" is not a port number`);
if (!Number.isInteger(patience) || patience < 100) refuse(`PROMETHEUS_TIMEOUT_MS="${process.env.PROMETHEUS_TIMEOUT_MS}" must be a number of milliseconds, at least 100`);
if (!existsSync(join(dist, 'index.html'))) refuse('dist/ is not built: run `npm ci && npm run build` in tools/dashboard-preview');

const prometheus = new Upstream('Prometheus', setting('PROMETHEUS_URL', 'http://127.0.0.1:9090'), patience);
const alertmanager = new Upstream('Alertmanager', setting('ALERTMANAGER_URL', 'http://127.0.0.1:9093'), patience);
const service = new Upstream('ingest-api', setting('API_URL', 'http://127.0.0.1:3000'), patience);

/** Read endpoints only: the page gives no access to Prometheus' admin or lifecycle endpoints. */
const readOnly = /^\/api\/v1\/(query|query_range|query_exemplars|series|labels|label\/[A-Za-z0-9_]+\/values|targets|rules|alerts)$/;

const boards = () =>
  readdirSync(dashboards)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(dashboards, name), 'utf8')));

/** A signal that cancels the upstream request when the client disconnects. */
function gone(response) {
  const controller = new AbortController();
  response.on('close', () => controller.abort());
  return controller.signal;
}

async function proxied(upstream, path, response) {
  const { status, type, text } = await upstream.ask(path, { signal: gone(response) });
  send(response, status, type ?? types['.json'], text);
}

const page = /^\/($|d\/|(alerts|targets|rules|logs|graph)$)/;

function file(response, path) {
  const full = normalize(join(dist, page.test(path) ? 'index.html' : path));
  if (!full.startsWith(dist + sep) || !existsSync(full) || !statSync(full).isFile()) throw new Fault(404, 'not found');
  const content = readFileSync(full);
  const type = types[extname(full)] ?? 'application/octet-stream';
  if (full !== join(dist, 'index.html')) return send(response, 200, type, content);
  return send(response, 200, type, content.toString().replace('</head>', `<meta name="patience" content="${patience}">\n</head>`));
}

/** GET routes: a path, or a prefix that ends with '/'. */
const reads = [
  ['/api/health', (response) => sendJson(response, 200, { status: 'ok', prometheus: prometheus.url.origin, alertmanager: alertmanager.url.origin, api: service.url.origin })],
  ['/api/dashboards/', (response, uid) => {
    const board = boards().find((candidate) => candidate.uid === uid);
    if (!board) throw new Fault(404, `no dashboard has the uid "${uid}"`);
    sendJson(response, 200, board);
  }],
  ['/api/dashboards', (response) => sendJson(response, 200, boards().map(({ uid, title, description }) => ({ uid, title, description })))],
  ['/api/alerts', async (response) => sendJson(response, 200, await alerts(prometheus, alertmanager))],
  // An unhealthy service answers 503 with the same JSON.
  ['/api/service/health', async (response) => sendJson(response, 200, await service.json('/health', { statuses: [200, 503] }))],
  ['/api/runbooks/', (response, name) => {
    const section = runbook(runbooks, name);
    if (!section) throw new Fault(404, `no runbook has a section "${name}"`);
    sendJson(response, 200, section);
  }],
  ['/api/logs', async (response, _, query) => sendJson(response, 200, await search(logs, { ...question(query), signal: gone(response) }))],
  ['/api/prometheus/', (response, rest, query) => {
    if (!readOnly.test(`/${rest}`)) throw new Fault(403, `/${rest} is not forwarded: only read requests are`);
    return proxied(prometheus, `/${rest}?${query}`, response);
  }],
];

async function read(response, url, path) {
  const [prefix, answer] = reads.find(([one]) => (one.endsWith('/') ? path.startsWith(one) : path === one)) ?? [];
  if (answer) return answer(response, path.slice(prefix.length), url.searchParams);
  return file(response, path);
}

async function change(request, response, url) {
  // Pages of other sites must not create silences (CSRF).
  const { origin, host } = request.headers;
  if (origin && origin !== `http://${host}`) throw new Fault(403, `requests from ${origin} are not allowed`);
  if (request.method === 'POST' && url.pathname === '/api/silences') return sendJson(response, 200, { id: await silence(alertmanager, await readJson(request)) });
  if (request.method === 'DELETE' && url.pathname.startsWith('/api/silences/')) {
    await expire(alertmanager, url.pathname.slice('/api/silences/'.length));
    return sendJson(response, 200, {});
  }
  throw new Fault(405, `${request.method} ${url.pathname} is not supported`);
}

/** The URL of a request, and its path without percent signs. */
function address(text) {
  try {
    const url = new URL(text, 'http://page');
    return [url, decodeURIComponent(url.pathname)];
  } catch (error) {
    throw new Fault(400, `invalid address: ${error.message}`);
  }
}

/** The only accepted Host names. Any other name that resolves to this machine may be a DNS rebinding attack. */
const ours = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

async function handle(request, response) {
  if (!ours.test(request.headers.host ?? '')) throw new Fault(403, 'the Host header must be localhost, 127.0.0.1 or [::1]');
  const [url, path] = address(request.url ?? '/');
  if (request.method === 'GET' || request.method === 'HEAD') await read(response, url, path);
  else await change(request, response, url);
}

const server = http.createServer((request, response) => {
  handle(request, response).catch((error) => {
    if (response.headersSent || response.destroyed) response.destroy();
    else sendFault(response, error);
  });
});
server.on('error', (error) => refuse(error.code === 'EADDRINUSE' ? `port ${port} is in use (set PORT)` : error.message));
server.listen(port, '127.0.0.1', () => console.log(`dashboards on http://localhost:${port} (Prometheus: ${prometheus.url.origin})`));
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections?.();
  });
}
