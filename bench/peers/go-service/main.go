// SPDX-License-Identifier: Apache-2.0

// The service that a team could write in Go instead: net/http, pgx, client_golang, for the same work as ingest-api on the same PostgreSQL
// schema: GET /health, GET /api/v1/prospects and POST /api/v1/prospects/import with a JSON array or CSV. A page and a small import are one
// pgx.Batch, so one round trip; a large import is one COPY and one upsert. Environment: PORT, STORE (postgres://…; ingest-api has created the
// schema and the key), STORE_THREADS (connections; default 4, like ingest-api), METRICS_ENABLED.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type service struct {
	store *store
	log   *slog.Logger
	known sync.Map // key → entry; like ingest-api: a key that was looked up is cached for 30 s
}

type entry struct {
	organisation string
	expires      time.Time
}

func requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 63 {
		return id
	}
	var random [16]byte
	_, _ = rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

func (s *service) fail(w http.ResponseWriter, status int, code, message, id string) {
	body := append([]byte(`{"error":{"code":"`), code...)
	body = append(body, `","message":`...)
	body = appendString(body, message)
	body = append(body, `,"request_id":`...)
	body = append(appendString(body, id), "}}"...)
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func (s *service) organisation(r *http.Request) (string, error) {
	key, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return "", nil
	}
	if known, ok := s.known.Load(key); ok && known.(entry).expires.After(time.Now()) {
		return known.(entry).organisation, nil
	}
	hash := sha256.Sum256([]byte(key))
	organisation, err := s.store.organisationOf(r.Context(), hash[:])
	if err == nil {
		s.known.Store(key, entry{organisation, time.Now().Add(30 * time.Second)})
	}
	return organisation, err
}

func (s *service) authenticated(handle func(w http.ResponseWriter, r *http.Request, organisation, id string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := w.Header().Get("X-Request-Id")
		organisation, err := s.organisation(r)
		if err == nil && organisation == "" {
			s.fail(w, http.StatusUnauthorized, "unauthorized", "a valid API key is required", id)
			return
		}
		if err == nil {
			err = handle(w, r, organisation, id)
		}
		if err != nil {
			s.log.Error("request failed", "reqId", id, "error", err.Error())
			s.fail(w, http.StatusInternalServerError, "internal", "the request failed", id)
		}
	}
}

func (s *service) page(w http.ResponseWriter, r *http.Request, organisation, id string) error {
	limit, query := 100, r.URL.Query()
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 500 {
			s.fail(w, http.StatusBadRequest, "invalid_parameter", "limit must be a whole number from 1 to 500.", id)
			return nil
		}
		limit = n
	}
	body, err := s.store.page(r.Context(), organisation, query.Get("cursor"), limit)
	if err == nil {
		write(w, http.StatusOK, body)
	}
	return err
}

func (s *service) importProspects(w http.ResponseWriter, r *http.Request, organisation, id string) error {
	rows, rejected, err := readRows(r)
	if err != nil {
		s.fail(w, http.StatusBadRequest, "invalid_body", err.Error(), id)
		return nil
	}
	imported, err := s.store.importRows(r.Context(), organisation, id, rows)
	if err != nil {
		return err
	}
	countImport(organisation, len(rows), len(rejected))
	body := strconv.AppendInt([]byte(`{"imported":`), int64(imported), 10)
	body = strconv.AppendInt(append(body, `,"updated":`...), int64(len(rows)-imported), 10)
	body = strconv.AppendInt(append(body, `,"rejected":`...), int64(len(rejected)), 10)
	body = append(body, `,"errors":[`...)
	for i, fault := range rejected[:min(len(rejected), 1000)] {
		if i > 0 {
			body = append(body, ',')
		}
		body = strconv.AppendInt(append(body, `{"line":`...), int64(fault.line), 10)
		body = appendString(append(body, `,"field":`...), fault.field)
		body = append(appendString(append(body, `,"reason":`...), fault.reason), '}')
	}
	body = strconv.AppendBool(append(body, `],"errors_truncated":`...), len(rejected) > 1000)
	write(w, http.StatusOK, append(body, '}'))
	return nil
}

func (s *service) health(w http.ResponseWriter, r *http.Request) {
	if err := s.store.check(r.Context()); err != nil {
		s.fail(w, http.StatusServiceUnavailable, "unhealthy", err.Error(), w.Header().Get("X-Request-Id"))
		return
	}
	write(w, http.StatusOK, []byte(`{"status":"ok","checks":{"store":"ok","queue":"ok"}}`))
}

// logged gives each request its id, counts it and writes ingest-api's access log line.
func (s *service) logged(route string, handler http.HandlerFunc) http.HandlerFunc {
	counted := instrument(route, handler)
	return func(w http.ResponseWriter, r *http.Request) {
		id, start := requestID(r), time.Now()
		w.Header().Set("X-Request-Id", id)
		status := counted(w, r)
		s.log.Info("request completed", "reqId", id, "method", r.Method, "route", route, "status", status,
			"durationMs", float64(time.Since(start).Microseconds())/1000)
	}
}

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	connections, _ := strconv.Atoi(os.Getenv("STORE_THREADS"))
	store, err := openStore(context.Background(), os.Getenv("STORE"), connections)
	if err != nil {
		log.Error("cannot open the store", "error", err.Error())
		os.Exit(1)
	}
	s := &service{store: store, log: log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", s.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /api/v1/prospects", s.logged("/api/v1/prospects", s.authenticated(s.page)))
	mux.HandleFunc("POST /api/v1/prospects/import", s.logged("/api/v1/prospects/import", s.authenticated(s.importProspects)))
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	go func() {
		<-stop.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Error("cannot serve", "error", err.Error())
		os.Exit(1)
	}
	store.pool.Close()
}
