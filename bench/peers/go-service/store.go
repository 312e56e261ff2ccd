// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

type store struct{ pool *pgxpool.Pool }

const (
	small = 500 // maximum rows of an import in one batch; prospects per validation job

	scope    = `SELECT set_config('app.organisation_id', $1, true)`
	readOnly = `SELECT set_config('app.organisation_id', $1, true), set_config('transaction_read_only', 'on', true)`
	page     = `SELECT id, email, first_name, last_name, company, title, phone, website, country, custom, status, status_reason, research,
 created_at, updated_at FROM crm.prospects WHERE organisation_id = $1 AND id > $2 ORDER BY id LIMIT $3`
	names  = "id, email, first_name, last_name, company, title, phone, website, country, custom"
	change = ` ON CONFLICT (organisation_id, email) DO UPDATE SET first_name = coalesce(excluded.first_name, p.first_name),
 last_name = coalesce(excluded.last_name, p.last_name), company = coalesce(excluded.company, p.company),
 title = coalesce(excluded.title, p.title), phone = coalesce(excluded.phone, p.phone), website = coalesce(excluded.website, p.website),
 country = coalesce(excluded.country, p.country), custom = coalesce(excluded.custom, p.custom), updated_at = excluded.updated_at,
 status_reason = CASE p.status WHEN 'invalid' THEN NULL ELSE p.status_reason END,
 status = CASE p.status WHEN 'invalid' THEN 'imported' ELSE p.status END RETURNING p.id, p.xmax = 0`
	upsertOne = `INSERT INTO crm.prospects AS p (organisation_id, created_at, updated_at, ` + names + `)
 VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)` + change
	staging = `CREATE TEMPORARY TABLE staging (id uuid, email text, first_name text, last_name text, company text, title text, phone text,
 website text, country text, custom text) ON COMMIT DROP`
	upsertAll = `INSERT INTO crm.prospects AS p (organisation_id, created_at, updated_at, ` + names + `)
 SELECT $1, $2::bigint, $2::bigint, ` + names + ` FROM staging` + change
	job = `INSERT INTO tracking.jobs (id, queue, organisation_id, request_id, payload, state, due_at, created_at)
 VALUES ($1, 'prospect.validate', $2, $3, $4, 'delayed', $5, $6)`
	count = `INSERT INTO tracking.usage (organisation_id, what, used) VALUES ($1, 'prospects', $2)`
)

func openStore(ctx context.Context, url string, connections int) (*store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return &store{pool}, err
}

// uuid returns a UUID of version 7.
func uuid(now int64) (id [16]byte) {
	_, _ = rand.Read(id[6:])
	for i := range 6 {
		id[i] = byte(now >> (8 * (5 - i)))
	}
	id[6] = 0x70 | id[6]&0x0f
	id[8] = 0x80 | id[8]&0x3f
	return id
}

func appendUUID(body []byte, id [16]byte) []byte {
	var text [36]byte
	hex.Encode(text[:8], id[:4])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:], id[10:])
	return append(body, text[:]...)
}

// appendString writes a JSON string by hand: encoding/json takes twice the time for a page.
func appendString(body []byte, text string) []byte {
	const digits = "0123456789abcdef"
	body = append(body, '"')
	from := 0
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' {
			body = append(body, text[from:i]...)
			if c < 0x20 {
				body = append(body, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
			} else {
				body = append(body, '\\', c)
			}
			from = i + 1
		}
	}
	return append(append(body, text[from:]...), '"')
}

func appendText(body []byte, name string, text pgtype.Text) []byte {
	body = append(append(append(body, ",\""...), name...), "\":"...)
	if !text.Valid {
		return append(body, "null"...)
	}
	return appendString(body, text.String)
}

func appendJSON(body []byte, name string, text pgtype.Text, absent string) []byte {
	body = append(append(append(body, ",\""...), name...), "\":"...)
	if !text.Valid {
		return append(body, absent...)
	}
	return append(body, text.String...)
}

func appendTime(body []byte, name string, ms int64) []byte {
	body = append(append(append(body, ",\""...), name...), "\":\""...)
	return append(time.UnixMilli(ms).UTC().AppendFormat(body, "2006-01-02T15:04:05.000Z"), '"')
}

func (s *store) organisationOf(ctx context.Context, hash []byte) (string, error) {
	defer timed("select", "iam", time.Now())
	var id pgtype.UUID
	err := s.pool.QueryRow(ctx, "SELECT organisation_id FROM iam.organisation_of_key($1)", hash).Scan(&id)
	if err == pgx.ErrNoRows {
		return "", nil
	}
	return string(appendUUID(nil, id.Bytes)), err
}

func (s *store) check(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "SELECT 1")
	return err
}

// page is one batch, so one round trip and one transaction.
func (s *store) page(ctx context.Context, organisation, cursor string, limit int) ([]byte, error) {
	defer timed("select", "crm", time.Now())
	after := "00000000-0000-0000-0000-000000000000"
	if len(cursor) == 36 {
		after = cursor
	}
	batch := &pgx.Batch{}
	batch.Queue(readOnly, organisation)
	batch.Queue(page, organisation, after, limit+1)
	results := s.pool.SendBatch(ctx, batch)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	body, n := append(make([]byte, 0, limit*420), `{"data":[`...), 0
	var id pgtype.UUID
	var email, status string
	var text [7]pgtype.Text
	var other, reason, research pgtype.Text
	var created, updated int64
	var last [16]byte
	for rows.Next() {
		if n == limit {
			n++
			break
		}
		if err := rows.Scan(&id, &email, &text[0], &text[1], &text[2], &text[3], &text[4], &text[5], &text[6], &other, &status, &reason,
			&research, &created, &updated); err != nil {
			return nil, err
		}
		if n++; n > 1 {
			body = append(body, ',')
		}
		last = id.Bytes
		body = append(appendUUID(append(body, `{"id":"`...), id.Bytes), `","email":`...)
		body = appendString(body, email)
		for i := range text {
			body = appendText(body, fields[i], text[i])
		}
		body = appendJSON(body, "custom_fields", other, "{}")
		body = append(append(append(body, `,"status":"`...), status...), '"')
		body = appendText(body, "status_reason", reason)
		body = appendJSON(body, "research", research, "null")
		body = appendTime(body, "created_at", created)
		body = append(appendTime(body, "updated_at", updated), '}')
	}
	if n > limit {
		return append(appendUUID(append(body, `],"next_cursor":"`...), last), `"}`...), nil
	}
	return append(body, `],"next_cursor":null}`...), rows.Err()
}

// queueJobs adds a validation job for each 500 prospects.
func queueJobs(batch *pgx.Batch, organisation, request string, ids [][16]byte, now int64) {
	for at := 0; at < len(ids); at += small {
		var payload strings.Builder
		payload.WriteString(`{"prospects":[`)
		for i, id := range ids[at:min(at+small, len(ids))] {
			if i > 0 {
				payload.WriteByte(',')
			}
			payload.WriteString(strconv.Quote(string(appendUUID(nil, id))))
		}
		payload.WriteString("]}")
		batch.Queue(job, uuid(now), organisation, request, payload.String(), now+15000, now)
	}
}

func (s *store) importRows(ctx context.Context, organisation, request string, rows []row) (imported int, err error) {
	defer timed("insert", "crm", time.Now())
	if len(rows) == 0 {
		return 0, nil
	}
	now := time.Now().UnixMilli()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		merged := merge(rows)
		ids, batch := make([][16]byte, 0, len(merged)), &pgx.Batch{}
		batch.Queue(scope, organisation)
		keep := func(rows pgx.Rows) error {
			var id pgtype.UUID
			var inserted bool
			_, err := pgx.ForEachRow(rows, []any{&id, &inserted}, func() error {
				ids = append(ids, id.Bytes)
				if inserted {
					imported++
				}
				return nil
			})
			return err
		}
		if len(merged) <= small {
			for _, r := range merged {
				batch.Queue(upsertOne, organisation, now, uuid(now), r.email, r.field[0], r.field[1], r.field[2], r.field[3], r.field[4],
					r.field[5], r.field[6], r.field[7]).Query(keep)
			}
		} else {
			batch.Queue(staging)
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		if len(merged) > small {
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{"staging"}, strings.Split(names, ", "),
				pgx.CopyFromSlice(len(merged), func(i int) ([]any, error) {
					r := merged[i]
					return []any{uuid(now), r.email, r.field[0], r.field[1], r.field[2], r.field[3], r.field[4], r.field[5], r.field[6],
						r.field[7]}, nil
				})); err != nil {
				return err
			}
			stored, err := tx.Query(ctx, upsertAll, organisation, now)
			if err != nil {
				return err
			}
			if err := keep(stored); err != nil {
				return err
			}
		}
		batch = &pgx.Batch{}
		queueJobs(batch, organisation, request, ids, now)
		batch.Queue(count, organisation, imported)
		return tx.SendBatch(ctx, batch).Close()
	})
	return imported, err
}
