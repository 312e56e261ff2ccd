// SPDX-License-Identifier: Apache-2.0

// The same requests on PostgreSQL with the `pg` package: ingest-api's schema (ingest-api creates it, and the key), the same
// prepared statements, the same transactions and row-level security, the same number of connections.
import { createHash } from 'node:crypto';
import pg from 'pg';
import { timed } from './metrics.js';
import { columns, fields, uuid, uuidText } from './common.js';

pg.types.setTypeParser(pg.types.builtins.INT8, Number); // milliseconds

const chunk = 500;

const select = `SELECT ${columns.join(', ')} FROM crm.prospects
  WHERE organisation_id = $1 AND id > $2 ORDER BY id LIMIT $3`;

const upsert = `INSERT INTO crm.prospects AS p (organisation_id, created_at, updated_at, id, email, ${fields.join(', ')})
  SELECT $1::uuid, $2::bigint, $2::bigint, u.* FROM unnest($3::uuid[], $4::text[],
    ${fields.map((_, i) => `$${5 + i}::text[]`).join(', ')}) AS u
  ON CONFLICT (organisation_id, email) DO UPDATE SET
    ${fields.map((f) => `${f} = coalesce(excluded.${f}, p.${f})`).join(', ')}, updated_at = excluded.updated_at,
    status_reason = CASE p.status WHEN 'invalid' THEN NULL ELSE p.status_reason END,
    status = CASE p.status WHEN 'invalid' THEN 'imported' ELSE p.status END
  RETURNING p.id, p.xmax = 0 AS inserted`;

const insertJob = `INSERT INTO tracking.jobs (id, queue, organisation_id, request_id, payload, state, due_at, created_at)
  VALUES ($1, $2, $3, $4, $5, 'delayed', $6, $7)`;

export function openPostgres(url, connections) {
  const pool = new pg.Pool({ connectionString: url, max: connections });

  async function transaction(organisation, mode, work) {
    const client = await pool.connect();
    try {
      await timed('BEGIN', 'other', () =>
        client.query(`BEGIN${mode}; SET LOCAL app.organisation_id = '${organisation}'`));
      const result = await work(client);
      await timed('COMMIT', 'other', () => client.query('COMMIT'));
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    } finally {
      client.release();
    }
  }

  /** One statement may update a row only once, so a chunk ends before an address that it already contains. */
  function nextChunk(rows, at) {
    const seen = new Set();
    let end = at;
    while (end < rows.length && end - at < chunk && !seen.has(rows[end].email)) seen.add(rows[end++].email);
    return rows.slice(at, end);
  }

  async function importChunk(client, organisation, rows, now) {
    const values = [organisation, now, rows.map(() => uuidText(uuid(now))), rows.map((row) => row.email),
      ...fields.map((f) => rows.map((row) => row[f] ?? null))];
    return (await timed('INSERT', 'crm', () => client.query({ name: 'upsert', text: upsert, values }))).rows;
  }

  return {
    async organisationOf(key) {
      const text = 'SELECT organisation_id FROM iam.organisation_of_key($1)';
      const values = [createHash('sha256').update(key).digest()];
      const { rows } = await timed('SELECT', 'iam', () => pool.query({ name: 'key', text, values }));
      return rows[0]?.organisation_id;
    },
    async importProspects(organisation, rows, requestId) {
      const now = Date.now();
      let imported = 0;
      await transaction(organisation, '', async (client) => {
        for (let at = 0; at < rows.length;) {
          const part = nextChunk(rows, at);
          const stored = await importChunk(client, organisation, part, now);
          imported += stored.filter((row) => row.inserted).length;
          const payload = JSON.stringify({ prospects: stored.map((row) => row.id) });
          const values = [uuidText(uuid(now)), 'prospect.validate', organisation, requestId, payload, now + 15000, now];
          await timed('INSERT', 'tracking', () => client.query({ name: 'job', text: insertJob, values }));
          at += part.length;
        }
      });
      return imported;
    },
    page: (organisation, after, limit) => transaction(organisation, ' READ ONLY', async (client) =>
      (await timed('SELECT', 'crm', () =>
        client.query({ name: 'page', text: select, values: [organisation, after, limit] }))).rows),
    async check() {
      await timed('SELECT', 'other', () => pool.query('SELECT 1'));
    },
    organisationText: (organisation) => organisation,
    close: () => pool.end(),
  };
}
