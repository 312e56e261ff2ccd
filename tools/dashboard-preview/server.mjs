// Serves the page, the boards' JSON, and Prometheus' query API under the same origin. Node's own modules only.
//   PORT             3001      where to listen (127.0.0.1)
//   PROMETHEUS_URL   http://127.0.0.1:9090
//   DASHBOARDS_DIR   infra/grafana/dashboards
import http from 'node:http';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const port = Number(process.env.PORT ?? 3001);
const prometheus = new URL(process.env.PROMETHEUS_URL ?? 'http://127.0.0.1:9090');
const dashboards = process.env.DASHBOARDS_DIR ?? here('../../infra/grafana/dashboards');
const dist = here('dist');
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
};
/** Only what reads: the page cannot be used to reach Prometheus' admin or lifecycle endpoints. */
const readOnly = /^\/api\/v1\/(query|query_range|query_exemplars|series|labels|label\/[A-Za-z0-9_]+\/values|targets|rules|alerts)$/;

if (!Number.isInteger(port) || port < 1 || port > 65535) {
  console.error(`PORT="${process.env.PORT}" is not a port number`);
  process.exit(1);
}
if (!existsSync(join(dist, 'index.html'))) {
  console.error('dist/ is not built: run `npm ci && npm run build` in tools/dashboard-preview');
  process.exit(1);
}

function send(response, status, type, body) {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' });
  response.end(body);
}

const sendJson = (response, status, value) => send(response, status, types['.json'], JSON.stringify(value));

function boards() {
  return readdirSync(dashboards)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(dashboards, name), 'utf8')));
}

function proxy(request, response, path) {
  const upstream = http.request(
    { host: prometheus.hostname, port: prometheus.port || 80, path, method: 'GET', timeout: 30000 },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? types['.json'] });
      answer.pipe(response);
    },
  );
  upstream.on('timeout', () => upstream.destroy(new Error('no answer in 30 s')));
  upstream.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else sendJson(response, 502, { status: 'error', errorType: 'unavailable', error: `Prometheus at ${prometheus.origin}: ${error.message}` });
  });
  response.on('close', () => upstream.destroy());
  upstream.end();
}

function file(response, path) {
  const full = normalize(join(dist, path === '/' || path.startsWith('/d/') ? 'index.html' : path));
  if (!full.startsWith(dist + sep) || !existsSync(full) || !statSync(full).isFile()) {
    return send(response, 404, 'text/plain; charset=utf-8', 'not found\n');
  }
  return send(response, 200, types[extname(full)] ?? 'application/octet-stream', readFileSync(full));
}

function handle(request, response) {
  const url = new URL(request.url ?? '/', 'http://preview');
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'text/plain', 'GET only\n');
  if (url.pathname === '/api/health') return sendJson(response, 200, { status: 'ok', prometheus: prometheus.origin });
  if (url.pathname === '/api/dashboards') {
    return sendJson(response, 200, boards().map(({ uid, title, description }) => ({ uid, title, description })));
  }
  if (url.pathname.startsWith('/api/dashboards/')) {
    const uid = decodeURIComponent(url.pathname.slice('/api/dashboards/'.length));
    const board = boards().find((candidate) => candidate.uid === uid);
    return board ? sendJson(response, 200, board) : sendJson(response, 404, { error: `no board has the uid "${uid}"` });
  }
  if (url.pathname.startsWith('/api/prometheus/')) {
    const path = url.pathname.slice('/api/prometheus'.length);
    return readOnly.test(path) ? proxy(request, response, path + url.search) : sendJson(response, 403, { error: `${path} is not offered` });
  }
  return file(response, url.pathname);
}

const server = http.createServer((request, response) => {
  try {
    handle(request, response);
  } catch (error) {
    sendJson(response, 500, { error: String(error.message ?? error) });
  }
});
server.on('error', (error) => {
  console.error(error.code === 'EADDRINUSE' ? `port ${port} is in use (set PORT)` : error.message);
  process.exit(1);
});
server.listen(port, '127.0.0.1', () => console.log(`dashboards on http://localhost:${port} (Prometheus: ${prometheus.origin})`));
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections?.();
  });
}
