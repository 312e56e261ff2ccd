// SPDX-License-Identifier: Apache-2.0

// The part of ingest-api's SQLite store that the benchmark's requests use: the same tables, indexes, triggers, pragmas
// and durability (after a commit returns, the data is on the disk).
import Database from 'better-sqlite3';
import { createHash } from 'node:crypto';
import { timed } from './metrics.js';
import { columns, fields, uuid, uuidText } from './common.js';

const schema = `
CREATE TABLE IF NOT EXISTS iam_organisations (
  id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS iam_api_keys (
  key_hash BLOB NOT NULL PRIMARY KEY CHECK (length(key_hash) = 32),
  organisation_id BLOB NOT NULL REFERENCES iam_organisations (id),
  created_at INTEGER NOT NULL, revoked_at INTEGER) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS crm_prospects (
  organisation_id BLOB NOT NULL REFERENCES iam_organisations (id), id BLOB NOT NULL,
  email TEXT NOT NULL, first_name TEXT, last_name TEXT, company TEXT, title TEXT, phone TEXT, website TEXT,
  country TEXT, custom TEXT,
  status TEXT NOT NULL DEFAULT 'imported' CHECK (status IN ('imported', 'validated', 'invalid', 'researched')),
  status_reason TEXT, research TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (organisation_id, id)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS crm_prospects_email ON crm_prospects (organisation_id, email);
CREATE INDEX IF NOT EXISTS crm_prospects_status ON crm_prospects (organisation_id, status, id);
CREATE TABLE IF NOT EXISTS tracking_jobs (
  id BLOB NOT NULL PRIMARY KEY, queue TEXT NOT NULL, organisation_id BLOB NOT NULL, request_id TEXT,
  idempotency_key TEXT, payload TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
  attempt INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL, owner TEXT, error TEXT,
  created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS tracking_jobs_key ON tracking_jobs (queue, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS tracking_jobs_ready ON tracking_jobs (queue, due_at, id) WHERE state = 0;
CREATE TABLE IF NOT EXISTS tracking_queues (
  queue TEXT NOT NULL PRIMARY KEY, live INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0)
  STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS tracking_jobs_insert AFTER INSERT ON tracking_jobs BEGIN
  INSERT INTO tracking_queues (queue, live) VALUES (new.queue, 1) ON CONFLICT (queue) DO UPDATE SET live = live + 1;
END;`;

const batch = 500; // rows per validation job

const sha256 = (text) => createHash('sha256').update(text).digest();

export function openSqlite(path) {
  const db = new Database(path);
  for (const pragma of ['page_size = 8192', 'journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON',
    'temp_store = MEMORY', 'cache_size = -32768', 'journal_size_limit = 67108864', 'wal_autocheckpoint = 4000'])
    db.pragma(pragma);
  db.exec(schema);

  const findKey = db.prepare('SELECT organisation_id FROM iam_api_keys WHERE key_hash = ? AND revoked_at IS NULL');
  const findProspect = db.prepare('SELECT id FROM crm_prospects WHERE organisation_id = ? AND email = ?');
  const insertProspect = db.prepare(`INSERT INTO crm_prospects
    (organisation_id, id, email, ${fields.join(', ')}, created_at, updated_at)
    VALUES (?, ?, ?, ${fields.map(() => '?').join(', ')}, ?, ?)`);
  const updateProspect = db.prepare(`UPDATE crm_prospects SET
    ${fields.map((f) => `${f} = coalesce(?, ${f})`).join(', ')}, updated_at = ?,
    status = CASE status WHEN 'invalid' THEN 'imported' ELSE status END WHERE organisation_id = ? AND id = ?`);
  const insertJob = db.prepare(`INSERT INTO tracking_jobs
    (id, queue, organisation_id, request_id, payload, due_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const selectPage = db.prepare(`SELECT ${columns.join(', ')} FROM crm_prospects
    WHERE organisation_id = ? AND id > ? ORDER BY id LIMIT ?`);
  const ping = db.prepare('SELECT 1');
  const depth = db.prepare('SELECT live FROM tracking_queues');

  const importRows = db.transaction((organisation, rows, requestId) => {
    const now = Date.now();
    const ids = [];
    let imported = 0;
    for (const row of rows) {
      const values = fields.map((f) => row[f] ?? null);
      const known = timed('SELECT', 'crm', () => findProspect.get(organisation, row.email));
      const id = known?.id ?? uuid(now);
      if (known) timed('UPDATE', 'crm', () => updateProspect.run(...values, now, organisation, id));
      else timed('INSERT', 'crm', () => insertProspect.run(organisation, id, row.email, ...values, now, now));
      imported += known ? 0 : 1;
      ids.push(uuidText(id));
      if (ids.length < batch && row !== rows.at(-1)) continue;
      const payload = JSON.stringify({ prospects: ids.splice(0) });
      timed('INSERT', 'tracking', () =>
        insertJob.run(uuid(now), 'prospect.validate', organisation, requestId, payload, now + 15000, now));
    }
    return imported;
  }).immediate;

  return {
    createOrganisation(name, key) {
      const id = uuid(Date.now());
      db.prepare('INSERT INTO iam_organisations VALUES (?, ?, ?)').run(id, name, Date.now());
      db.prepare('INSERT INTO iam_api_keys VALUES (?, ?, ?, NULL)').run(sha256(key), id, Date.now());
    },
    organisationOf: (key) => timed('SELECT', 'iam', () => findKey.get(sha256(key))?.organisation_id),
    /** All rows in one transaction; returns how many were new, after the commit. */
    importProspects: (...args) => timed('COMMIT', 'other', () => importRows(...args)),
    page(organisation, after, limit) {
      const from = Buffer.from(after.replaceAll('-', ''), 'hex');
      const rows = timed('SELECT', 'crm', () => selectPage.all(organisation, from, limit));
      for (const row of rows) row.id = uuidText(row.id);
      return rows;
    },
    organisationText: uuidText,
    check() {
      timed('SELECT', 'other', () => ping.get());
      timed('SELECT', 'tracking', () => depth.all());
    },
    close: () => db.close(),
  };
}
