// SPDX-License-Identifier: Apache-2.0

// node organisations.js DATABASE COUNT: creates organisations with the keys benchmark-key-1 … in ingest-api's SQLite store.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

const Database = createRequire(new URL('../peers/express/package.json', import.meta.url))('better-sqlite3');
const [path, count] = process.argv.slice(2);
const db = new Database(path);
const organisation = db.prepare('INSERT INTO iam_organisations (id, name, created_at) VALUES (?, ?, ?)');
const key = db.prepare('INSERT INTO iam_api_keys (key_hash, organisation_id, created_at) VALUES (?, ?, ?)');
db.transaction(() => {
  for (let i = 1; i <= Number(count); i++) {
    const id = Buffer.alloc(16);
    id.writeUInt32BE(0x01900000);
    id[6] = 0x70;
    id[8] = 0x80;
    id.writeUInt32BE(i, 12);
    organisation.run(id, `benchmark ${i}`, Date.now());
    key.run(createHash('sha256').update(`benchmark-key-${i}`).digest(), id, Date.now());
  }
})();
