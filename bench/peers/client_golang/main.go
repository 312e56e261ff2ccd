// SPDX-License-Identifier: Apache-2.0

// client_golang's side of the table, with its own idioms: children held for hot paths, WithLabelValues for lookups,
// expfmt for the exposition. The cases are defined in bench/README.md.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

const (
	values        = 1024
	lookupSeries  = 64
	histogramFill = 100
	batches       = 100
	goodBatches   = 50
	batchesMax    = 1000
	batchTime     = time.Millisecond
)

var observations [values]float64

func init() {
	x := uint32(1)
	for i := range observations {
		x = x*1664525 + 1013904223
		u := float64(x) / 4294967296.0
		observations[i] = 12 * u * u * u * u
	}
}

func labelsOf(i uint32) [3]string {
	methods := [...]string{"GET", "POST", "PUT", "DELETE"}
	statuses := [...]string{"200", "201", "404", "500"}
	return [3]string{methods[i%4], fmt.Sprintf("/api/v1/resource-%05d", i/16), statuses[i/4%4]}
}

func counterValue(i uint32) float64 { return float64(uint64(i) * 7919 % 1000003) }

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "client_golang:", err)
		os.Exit(1)
	}
	return v
}

// Debian's Go has no built-in min yet.
func min(a, b time.Duration) time.Duration {
	if a < b {
		return a
	}
	return b
}

func emit(name string, value float64) { fmt.Printf("%s %.9g\n", name, value) }

// ---- timing: the same protocol as common/harness.c ----

type loop func(n uint64, thread int)

func calibrate(f loop) uint64 {
	f(1000, 0)
	for n := uint64(1000); ; n *= 2 {
		start := time.Now()
		f(n, 0)
		if time.Since(start) >= batchTime {
			return n
		}
	}
}

func quantile(took []float64, q float64) float64 {
	sort.Float64s(took)
	return took[int(q*float64(len(took)))]
}

func oneThread(f loop, n uint64) float64 {
	var took [batches]float64
	for i := range took {
		start := time.Now()
		f(n, 0)
		took[i] = float64(time.Since(start))
	}
	return quantile(took[:], 0.1) / float64(n)
}

// How often this thread has been taken off its core against its will.
func descheduled() int64 {
	var usage syscall.Rusage
	must(0, syscall.Getrusage(syscall.RUSAGE_THREAD, &usage))
	return usage.Nivcsw
}

// Only batches in which neither thread lost its core count; see common/harness.c.
func twoThreads(f loop, n uint64) float64 {
	var arrived, finished, released, good atomic.Uint64
	var start, end time.Time
	var switches [2]int64
	var took [goodBatches]float64
	side := func(thread int) {
		runtime.LockOSThread()
		f(1000, thread)
		for batch := uint64(1); batch <= batchesMax && good.Load() < goodBatches; batch++ {
			before := descheduled()
			if arrived.Add(1) == 2*(2*batch-1) {
				start = time.Now()
				released.Store(2*batch - 1)
			}
			for released.Load() < 2*batch-1 {
			}
			f(n, thread)
			if finished.Add(1) == 2*batch {
				end = time.Now()
			}
			switches[thread] = descheduled() - before
			if arrived.Add(1) == 4*batch {
				if switches[0]+switches[1] == 0 || batch+goodBatches-good.Load() > batchesMax {
					took[good.Load()] = float64(end.Sub(start))
					good.Add(1)
				}
				released.Store(2 * batch)
			}
			for released.Load() < 2*batch {
			}
		}
	}
	done := make(chan struct{})
	go func() { side(1); close(done) }()
	side(0)
	<-done
	return quantile(took[:good.Load()], 0.5) / float64(n)
}

func nsPerOp(f loop, threads int) float64 {
	n := calibrate(f)
	if threads == 2 {
		return twoThreads(f, n/4)
	}
	return oneThread(f, n)
}

func fastest(render func() int) (time.Duration, int) {
	best, spent, bytes := time.Duration(1<<62), time.Duration(0), 0
	for i := 0; i < 3 || spent < 300*time.Millisecond; i++ {
		start := time.Now()
		written := render()
		took := time.Since(start)
		if i > 0 && written != bytes {
			must(0, fmt.Errorf("rendering %d wrote %d bytes, the ones before it %d", i+1, written, bytes))
		}
		bytes = written
		best, spent = min(best, took), spent+took
	}
	return best, bytes
}

func residentBytes() float64 {
	text := string(must(os.ReadFile("/proc/self/smaps_rollup")))
	var kib float64
	for _, line := range strings.Split(text, "\n") {
		if n, _ := fmt.Sscanf(line, "Rss: %f kB", &kib); n == 1 {
			return kib * 1024
		}
	}
	return -1
}

// ---- metrics ----

var names = []string{"method", "route", "status_code"}

func newCounters(r *prometheus.Registry) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests served."}, names)
	r.MustRegister(c)
	return c
}

func newHistograms(r *prometheus.Registry) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds",
		Help: "Time to answer.", Buckets: prometheus.DefBuckets}, names)
	r.MustRegister(h)
	return h
}

func fillCounters(r *prometheus.Registry, series uint32) {
	c := newCounters(r)
	for i := uint32(0); i < series; i++ {
		l := labelsOf(i)
		c.WithLabelValues(l[:]...).Add(counterValue(i))
	}
}

func fillHistograms(r *prometheus.Registry, series uint32) {
	h := newHistograms(r)
	v := 0
	for i := uint32(0); i < series; i++ {
		l := labelsOf(i)
		child := h.WithLabelValues(l[:]...)
		for k := 0; k < histogramFill; k++ {
			child.Observe(observations[v%values])
			v++
		}
	}
}

// ---- cases ----

func counterCase(r *prometheus.Registry, threads int, key string) {
	c := newCounters(r).WithLabelValues("GET", "/", "200")
	emit(key, nsPerOp(func(n uint64, _ int) {
		for i := uint64(0); i < n; i++ {
			c.Inc()
		}
	}, threads))
}

func observeCase(r *prometheus.Registry, threads int, key string) {
	h := newHistograms(r).WithLabelValues("GET", "/", "200")
	emit(key, nsPerOp(func(n uint64, _ int) {
		for i := uint64(0); i < n; i++ {
			h.Observe(observations[i%values])
		}
	}, threads))
}

func lookupCase(r *prometheus.Registry, threads int, key string) {
	c := newCounters(r)
	var labels [lookupSeries][3]string
	for i := range labels {
		labels[i] = labelsOf(uint32(i))
		c.WithLabelValues(labels[i][:]...)
	}
	emit(key, nsPerOp(func(n uint64, _ int) {
		for i := uint64(0); i < n; i++ {
			l := &labels[i%lookupSeries]
			c.WithLabelValues(l[0], l[1], l[2]).Inc()
		}
	}, threads))
}

type counting struct{ bytes int }

func (c *counting) Write(p []byte) (int, error) { c.bytes += len(p); return len(p), nil }

func render(r *prometheus.Registry, format expfmt.Format) func() int {
	return func() int {
		var out counting
		encoder := expfmt.NewEncoder(io.Writer(&out), format)
		for _, family := range must(r.Gather()) {
			must(0, encoder.Encode(family))
		}
		return out.bytes
	}
}

func textCase(r *prometheus.Registry, key string) {
	took, bytes := fastest(render(r, expfmt.FmtText))
	emit(key, float64(bytes)/float64(took)*1000)
}

// Protobuf's speed is given in bytes of the text that says the same; see promc/promc_bench.c.
func protobufCase(r *prometheus.Registry, key string) {
	fillHistograms(r, 1000)
	textBytes := render(r, expfmt.FmtText)()
	took, bytes := fastest(render(r, expfmt.FmtProtoDelim))
	emit(key, float64(textBytes)/float64(took)*1000)
	emit("protobuf_histograms_us", float64(took)/1000)
	emit("protobuf_histograms_bytes", float64(bytes))
}

func settle() float64 {
	runtime.GC()
	debug.FreeOSMemory()
	return residentBytes()
}

func memoryCase(r *prometheus.Registry, series uint32) {
	c := newCounters(r)
	before := settle()
	var creating time.Duration
	for i := uint32(0); i < series; i++ {
		l := labelsOf(i) // the library keeps the strings, so they are its memory
		start := time.Now()
		c.WithLabelValues(l[0], l[1], l[2]).Inc()
		creating += time.Since(start)
	}
	emit("series_create_ns", float64(creating)/float64(series))
	emit("bytes_per_series", (settle()-before)/float64(series))
	runtime.KeepAlive(c)
}

func slicesCase(r *prometheus.Registry) {
	fillCounters(r, 1000000)
	start := time.Now()
	render(r, expfmt.FmtText)()
	emit("slice_stall_us", float64(time.Since(start))/1000)
}

func main() {
	name := strings.Join(os.Args[1:], " ")
	r := prometheus.NewRegistry()
	switch name {
	case "counter_1t":
		counterCase(r, 1, "counter_inc_1t")
	case "counter_2t":
		counterCase(r, 2, "counter_inc_2t")
	case "observe_1t":
		observeCase(r, 1, name)
	case "observe_2t":
		observeCase(r, 2, name)
	case "lookup_1t":
		lookupCase(r, 1, "lookup_inc_1t")
	case "lookup_2t":
		lookupCase(r, 2, "lookup_inc_2t")
	case "text_counters_10k":
		fillCounters(r, 10000)
		textCase(r, name)
	case "text_counters_100k":
		fillCounters(r, 100000)
		textCase(r, name)
	case "text_histograms_1k":
		fillHistograms(r, 1000)
		textCase(r, name)
	case "protobuf_histograms_1k":
		protobufCase(r, name)
	case "memory":
		memoryCase(r, 100000)
	case "slices":
		slicesCase(r)
	default:
		fmt.Fprintf(os.Stderr, "usage: client_golang CASE; no case %q\n", name)
		os.Exit(2)
	}
}
