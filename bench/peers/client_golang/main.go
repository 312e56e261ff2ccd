// SPDX-License-Identifier: Apache-2.0

// client_golang's side of the table, with its own idioms: children held for hot paths, WithLabelValues for lookups,
// expfmt for the exposition. The cases are defined in bench/README.md.
package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

const (
	values        = 1024
	lookupSeries  = 64
	histogramFill = 100
	goodBatches   = 50
	roundsMax     = 400
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

// Debian's Go has no built-in min.
func min(a, b time.Duration) time.Duration {
	if a < b {
		return a
	}
	return b
}

func emit(name string, value float64) { fmt.Printf("%s %.9g\n", name, value) }

// ---- timing: the same protocol as common/harness.c ----

type loop func(n uint64)

func calibrate(f loop) uint64 {
	f(1000)
	for n := uint64(1000); ; n *= 2 {
		start := time.Now()
		f(n)
		if time.Since(start) >= batchTime {
			return n
		}
	}
}

func median(took []float64) float64 {
	if len(took) == 0 {
		return math.NaN()
	}
	sort.Float64s(took)
	return (took[(len(took)-1)/2] + took[len(took)/2]) / 2
}

// How often the scheduler has preempted this thread (involuntary context switches).
func descheduled() int64 {
	var usage syscall.Rusage
	must(0, syscall.Getrusage(syscall.RUSAGE_THREAD, &usage))
	return usage.Nivcsw
}

type cores [16]uint64

// The cores of the process at its start; a new thread inherits those of its creator.
func allCores() (all cores) {
	syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(all), uintptr(unsafe.Pointer(&all)))
	return
}

// Bind each thread to its own core if there are two.
func pin(all cores, thread int) {
	var one cores
	seen := 0
	runtime.LockOSThread()
	for cpu := 0; cpu < 64*len(all); cpu++ {
		if all[cpu/64]>>(cpu%64)&1 == 0 {
			continue
		}
		if seen == thread {
			one[cpu/64] = 1 << (cpu % 64)
			syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(one), uintptr(unsafe.Pointer(&one)))
			return
		}
		seen++
	}
}

const (
	alone = iota
	apart
	together
	phases
)

// One thread, two threads apart, two together, in turn; only batches in which no thread lost its core. See
// common/harness.h.
func nsPerOp(operation string, fs [2]loop) {
	var arrived atomic.Uint64
	var took [2]float64
	var start, end [2]time.Time
	var switches [2]int64
	var n [phases]uint64
	var samples [phases][]float64
	wake, rested := make(chan bool), make(chan bool, 1)
	all := allCores()
	meet := func(time uint64) {
		arrived.Add(1)
		for arrived.Load() < 2*time {
		}
	}
	batch := func(phase, thread int) {
		f := fs[0]
		if phase == apart {
			f = fs[thread]
		}
		before := descheduled()
		start[thread] = time.Now()
		f(n[phase])
		end[thread] = time.Now()
		took[thread] = float64(end[thread].Sub(start[thread]))
		switches[thread] = descheduled() - before
	}
	second := func() {
		pin(all, 1)
		fs[0](1000)
		fs[1](1000)
		for times := uint64(0); <-wake; {
			batch(alone, 1)
			rested <- true
			for phase := apart; phase < phases; phase++ {
				times++
				meet(times)
				batch(phase, 1)
				times++
				meet(times)
			}
		}
	}
	overlapped := func() bool {
		from, to := start[0], end[0]
		if start[1].After(from) {
			from = start[1]
		}
		if end[1].Before(to) {
			to = end[1]
		}
		shorter := took[0]
		if took[1] < shorter {
			shorter = took[1]
		}
		return float64(to.Sub(from)) >= .9*shorter
	}
	take := func(phase int, lastChance bool) {
		if phase != alone && !overlapped() {
			return
		}
		if len(samples[phase]) < goodBatches && (switches[0]+switches[1] == 0 || lastChance) {
			samples[phase] = append(samples[phase], (took[0]+took[1])/2/float64(n[phase]))
		}
	}
	enough := func() bool {
		return len(samples[alone]) == goodBatches && len(samples[apart]) == goodBatches && len(samples[together]) == goodBatches
	}

	go second()
	pin(all, 0)
	n[alone] = calibrate(fs[0])
	n[apart], n[together] = n[alone], n[alone]/4
	times := uint64(0)
	for round := 0; round < roundsMax && !enough(); round++ {
		lastChance := round+goodBatches >= roundsMax
		batch(alone, 0)
		wake <- true
		<-rested
		take(alone, lastChance)
		for phase := apart; phase < phases; phase++ {
			times++
			meet(times)
			batch(phase, 0)
			times++
			meet(times)
			take(phase, lastChance)
		}
	}
	close(wake)
	emit(operation+"_1t", median(samples[alone]))
	emit(operation+"_2t_apart", median(samples[apart]))
	emit(operation+"_2t", median(samples[together]))
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

func newCounters(r *prometheus.Registry, name string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: "Requests served."}, names)
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
	c := newCounters(r, "http_requests_total")
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

func counterCase(r *prometheus.Registry) {
	var loops [2]loop
	counters := newCounters(r, "http_requests_total")
	for i := range loops {
		c := counters.WithLabelValues("GET", "/", [...]string{"200", "404"}[i])
		loops[i] = func(n uint64) {
			for i := uint64(0); i < n; i++ {
				c.Inc()
			}
		}
	}
	nsPerOp("counter_inc", loops)
}

func observeCase(r *prometheus.Registry) {
	var loops [2]loop
	histograms := newHistograms(r)
	for i := range loops {
		h := histograms.WithLabelValues("GET", "/", [...]string{"200", "404"}[i])
		loops[i] = func(n uint64) {
			for i := uint64(0); i < n; i++ {
				h.Observe(observations[i%values])
			}
		}
	}
	nsPerOp("observe", loops)
}

func lookupCase(r *prometheus.Registry) {
	var loops [2]loop
	for t := range loops {
		c := newCounters(r, [...]string{"http_requests_total", "other_requests_total"}[t])
		labels := new([lookupSeries][3]string)
		for i := range labels {
			labels[i] = labelsOf(uint32(i))
			c.WithLabelValues(labels[i][:]...)
		}
		loops[t] = func(n uint64) {
			for i := uint64(0); i < n; i++ {
				l := &labels[i%lookupSeries]
				c.WithLabelValues(l[0], l[1], l[2]).Inc()
			}
		}
	}
	nsPerOp("lookup_inc", loops)
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

// Protobuf's speed is given in bytes of the equivalent text; see promc/promc_bench.c.
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
	c := newCounters(r, "http_requests_total")
	before := settle()
	var creating time.Duration
	for i := uint32(0); i < series; i++ {
		l := labelsOf(i) // the library keeps the strings, so they count as its memory
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
	case "counter":
		counterCase(r)
	case "observe":
		observeCase(r)
	case "lookup":
		lookupCase(r)
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
