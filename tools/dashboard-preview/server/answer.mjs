// Responses: each has a type and a length, allows no content of other origins and is never cached.
export const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
};

/** The page loads scripts, styles and fonts from this server only. 'unsafe-inline' is for style attributes, which uPlot and the panels use for positions. */
const safety = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

export function send(response, status, type, body) {
  response.writeHead(status, { ...safety, 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

export const sendJson = (response, status, value) => send(response, status, types['.json'], JSON.stringify(value));

/** An error of the request or of an upstream server: an HTTP status and a message. */
export class Fault extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const sendFault = (response, error) =>
  sendJson(response, error.status ?? 500, { status: 'error', errorType: error.status === 502 ? 'unavailable' : 'error', error: String(error.message ?? error) });

const MOST = 64 * 1024; // characters of a request body

/** The JSON body of a request. */
export async function readJson(request) {
  // Browsers send this type across sites only after a CORS preflight, which we never approve.
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) throw new Fault(415, 'the Content-Type must be application/json');
  let text = '';
  for await (const part of request.setEncoding('utf8')) {
    text += part;
    if (text.length > MOST) throw new Fault(413, `the body has more than ${MOST} characters`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault(400, `the body is not JSON: ${error.message}`);
  }
}
