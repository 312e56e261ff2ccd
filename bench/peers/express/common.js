// SPDX-License-Identifier: Apache-2.0

// Shared by both stores.
import { randomBytes } from 'node:crypto';

export const fields = ['first_name', 'last_name', 'company', 'title', 'phone', 'website', 'country', 'custom'];

/** The columns of a page, in ingest-api's order. */
export const columns = ['id', 'email', ...fields, 'status', 'status_reason', 'research', 'created_at', 'updated_at'];

/** UUID version 7. */
export function uuid(now) {
  const id = randomBytes(16);
  id.writeUIntBE(now, 0, 6);
  id[6] = 0x70 | (id[6] & 0x0f);
  id[8] = 0x80 | (id[8] & 0x3f);
  return id;
}

export const uuidText = (id) => id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
