// Requests to Prometheus, Alertmanager and the service. A server that hangs counts as down.
import http from 'node:http';
import { Fault } from './answer.mjs';

export class Upstream {
  /** @param name for messages  @param url its address  @param patience ms until the whole response must have arrived */
  constructor(name, url, patience) {
    this.name = name;
    this.url = new URL(url);
    this.patience = patience;
  }

  /** @param signal cancels the request  @return {status, type, text}  @throws Fault 502 without a response */
  ask(path, { method = 'GET', body, signal } = {}) {
    return new Promise((resolve, reject) => {
      const fail = (error) => reject(new Fault(502, `${this.name} at ${this.url.origin}: ${error.message}`));
      const headers = body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {};
      const request = http.request(
        { host: this.url.hostname.replace(/^\[|\]$/g, ''), port: this.url.port || 80, path: this.url.pathname.replace(/\/$/, '') + path, method, headers, signal },
        (answer) => {
          const parts = [];
          answer.on('data', (part) => parts.push(part));
          answer.on('error', fail);
          answer.on('end', () => resolve({ status: answer.statusCode ?? 502, type: answer.headers['content-type'], text: Buffer.concat(parts) }));
        },
      );
      // A limit for the whole response, not for the pauses in it.
      const late = setTimeout(() => request.destroy(new Error(`no answer within ${this.patience / 1000} s`)), this.patience);
      request.on('error', fail);
      request.on('close', () => clearTimeout(late));
      request.end(body);
    });
  }

  /** The parsed JSON of a response. @param statuses that are no error */
  async json(path, { statuses = [200], ...options } = {}) {
    const { status, text } = await this.ask(path, options);
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      throw new Fault(502, `${this.name} at ${this.url.origin} answered ${status}: ${text.toString().slice(0, 200)}`);
    }
    if (!statuses.includes(status)) throw new Fault(502, `${this.name} answered ${status}: ${value?.error ?? value?.message ?? JSON.stringify(value).slice(0, 200)}`);
    return value;
  }
}
