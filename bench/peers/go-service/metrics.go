// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// The metrics that a request updates, with ingest-api's names, labels and buckets.
var (
	enabled  = os.Getenv("METRICS_ENABLED") != "0"
	registry = prometheus.NewRegistry()
	sizes    = []float64{100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

	httpDuration = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: "Duration of HTTP requests.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}}, []string{"method", "route", "status_code"})
	httpRequests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "HTTP requests."},
		[]string{"method", "route", "status_code"})
	inFlight    = prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests being served."})
	requestSize = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_size_bytes", Help: "Size of request bodies.",
		Buckets: sizes}, []string{"method", "route"})
	responseSize = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_response_size_bytes", Help: "Size of response bodies.",
		Buckets: sizes}, []string{"method", "route"})
	dbDuration = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "db_query_duration_seconds", Help: "Duration of database queries.",
		Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 10}}, []string{"operation", "schema"})
	queueMessages = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "queue_messages_total", Help: "Jobs published and consumed."},
		[]string{"queue", "action"})
	prospectsProcessed = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "prospects_processed_total", Help: "Prospects by what was done."},
		[]string{"organisation_id", "action"})
)

func init() {
	if enabled {
		registry.MustRegister(httpDuration, httpRequests, inFlight, requestSize, responseSize, dbDuration, queueMessages, prospectsProcessed,
			collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
}

type recorder struct {
	http.ResponseWriter
	status, bytes int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(body []byte) (int, error) {
	n, err := r.ResponseWriter.Write(body)
	r.bytes += n
	return n, err
}

// instrument counts a request of the route, and returns its status.
func instrument(route string, handler http.HandlerFunc) func(http.ResponseWriter, *http.Request) int {
	return func(w http.ResponseWriter, r *http.Request) int {
		start, seen := time.Now(), recorder{w, http.StatusOK, 0}
		if !enabled {
			handler(&seen, r)
			return seen.status
		}
		inFlight.Inc()
		defer inFlight.Dec()
		handler(&seen, r)
		status := strconv.Itoa(seen.status)
		httpDuration.WithLabelValues(r.Method, route, status).Observe(time.Since(start).Seconds())
		httpRequests.WithLabelValues(r.Method, route, status).Inc()
		requestSize.WithLabelValues(r.Method, route).Observe(float64(max(r.ContentLength, 0)))
		responseSize.WithLabelValues(r.Method, route).Observe(float64(seen.bytes))
		return seen.status
	}
}

func timed(operation, schema string, start time.Time) {
	if enabled {
		dbDuration.WithLabelValues(operation, schema).Observe(time.Since(start).Seconds())
	}
}

func countImport(organisation string, rows, rejected int) {
	if enabled {
		prospectsProcessed.WithLabelValues(organisation, "imported").Add(float64(rows))
		prospectsProcessed.WithLabelValues(organisation, "rejected").Add(float64(rejected))
		queueMessages.WithLabelValues("prospect.validate", "published").Add(float64((rows + 499) / 500))
	}
}
