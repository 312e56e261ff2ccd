// SPDX-License-Identifier: Apache-2.0

//! rust prometheus' side of the table, with its own idioms: children held for hot paths, `with_label_values` for
//! lookups, `TextEncoder` for the exposition, the integer counter where values are whole. The cases are defined in
//! bench/README.md.

use prometheus::{Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const VALUES: usize = 1024;
const LOOKUP_SERIES: u32 = 64;
const HISTOGRAM_FILL: usize = 100;
const GOOD_BATCHES: usize = 50;
const ROUNDS_MAX: usize = 400;
const BATCH_TIME: Duration = Duration::from_millis(1);
const NAMES: [&str; 3] = ["method", "route", "status_code"];
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

struct Labels(&'static str, String, &'static str);

fn labels_of(i: u32) -> Labels {
    const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];
    const STATUSES: [&str; 4] = ["200", "201", "404", "500"];
    Labels(METHODS[i as usize % 4], format!("/api/v1/resource-{:05}", i / 16), STATUSES[i as usize / 4 % 4])
}

fn observations() -> Vec<f64> {
    let mut x: u32 = 1;
    (0..VALUES)
        .map(|_| {
            x = x.wrapping_mul(1664525).wrapping_add(1013904223);
            let u = f64::from(x) / 4294967296.0;
            12.0 * u * u * u * u
        })
        .collect()
}

fn counter_value(i: u32) -> u64 {
    u64::from(i) * 7919 % 1000003
}

/// Hides from the optimiser which object this is (`hint::black_box` is newer than Debian's compiler).
fn opaque<T>(object: &T) -> &T {
    unsafe { std::ptr::read_volatile(&object) }
}

fn emit(name: &str, value: f64) {
    println!("{} {}", name, value);
}

// ---- timing: the same protocol as common/harness.c ----

type Run<'a> = &'a (dyn Fn(u64) + Sync);

fn calibrate(f: Run) -> u64 {
    f(1000);
    let mut n = 1000;
    loop {
        let start = Instant::now();
        f(n);
        if start.elapsed() >= BATCH_TIME {
            return n;
        }
        n *= 2;
    }
}

fn median(mut took: Vec<f64>) -> f64 {
    if took.is_empty() {
        return f64::NAN;
    }
    took.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap());
    (took[(took.len() - 1) / 2] + took[took.len() / 2]) / 2.0
}

/// How often this thread has been taken off its core against its will.
fn descheduled() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/status").expect("status");
    let line = text.lines().find(|l| l.starts_with("nonvoluntary_ctxt_switches:")).expect("switches");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

extern "C" {
    fn sched_getaffinity(pid: i32, bytes: usize, set: *mut u64) -> i32;
    fn sched_setaffinity(pid: i32, bytes: usize, set: *const u64) -> i32;
}

type Cores = [u64; 16];

/// The cores of this thread; one that it starts is born with the same.
fn cores() -> Cores {
    let mut all = [0; 16];
    unsafe { sched_getaffinity(0, 128, all.as_mut_ptr()) };
    all
}

/// A core each, where there are two.
fn pin(all: &Cores, thread: usize) {
    if let Some(cpu) = (0..1024).filter(|cpu| all[cpu / 64] >> (cpu % 64) & 1 == 1).nth(thread) {
        let mut one = [0; 16];
        one[cpu / 64] = 1 << (cpu % 64);
        unsafe { sched_setaffinity(0, 128, one.as_ptr()) };
    }
}

const ALONE: usize = 0;
const APART: usize = 1;
const TOGETHER: usize = 2;

/// One thread, two threads apart, two together, in turn; only batches in which no thread lost its core. See
/// common/harness.h.
fn ns_per_op(operation: &str, fs: [Run; 2]) {
    let all = cores();
    pin(&all, 0);
    let alone = calibrate(fs[0]);
    let n = [alone, alone, alone / 4];
    let arrived = AtomicU64::new(0);
    let second_took = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)]; // start, end, switches
    let (wake, woken) = mpsc::channel();
    let (rested, resting) = mpsc::channel();
    let meet = |time: u64| {
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < 2 * time {}
    };
    let epoch = Instant::now();
    let batch = |phase: usize, thread: usize| {
        let f = fs[if phase == APART { thread } else { 0 }];
        let before = descheduled();
        let start = epoch.elapsed().as_nanos() as u64;
        f(n[phase]);
        let end = epoch.elapsed().as_nanos() as u64;
        (start, end, descheduled() - before)
    };
    let second_batch = |phase| {
        let (start, end, switches) = batch(phase, 1);
        second_took[0].store(start, Ordering::Release);
        second_took[1].store(end, Ordering::Release);
        second_took[2].store(switches, Ordering::Release);
    };
    let second = |woken: mpsc::Receiver<()>, rested: mpsc::Sender<()>| {
        pin(&all, 1);
        fs[0](1000);
        fs[1](1000);
        let mut times = 0;
        while woken.recv().is_ok() {
            second_batch(ALONE);
            rested.send(()).unwrap();
            for phase in [APART, TOGETHER] {
                meet(times + 1);
                second_batch(phase);
                meet(times + 2);
                times += 2;
            }
        }
    };
    let mut samples = [Vec::new(), Vec::new(), Vec::new()];
    let first = |samples: &mut [Vec<f64>; 3]| {
        let mut times = 0;
        for round in 0..ROUNDS_MAX {
            let last_chance = round + GOOD_BATCHES >= ROUNDS_MAX;
            if samples.iter().all(|s| s.len() == GOOD_BATCHES) {
                break;
            }
            for phase in [ALONE, APART, TOGETHER] {
                let own;
                if phase == ALONE {
                    own = batch(phase, 0);
                    wake.send(()).unwrap();
                    resting.recv().unwrap();
                } else {
                    meet(times + 1);
                    own = batch(phase, 0);
                    meet(times + 2);
                    times += 2;
                }
                let other = [0, 1, 2].map(|i| second_took[i].load(Ordering::Acquire));
                let (first, second) = (own.1 - own.0, other[1] - other[0]);
                let together = own.1.min(other[1]).saturating_sub(own.0.max(other[0]));
                let overlapped = phase == ALONE || 10 * together >= 9 * first.min(second);
                let undisturbed = own.2 + other[2] == 0 || last_chance;
                if samples[phase].len() < GOOD_BATCHES && overlapped && undisturbed {
                    samples[phase].push((first + second) as f64 / 2.0 / n[phase] as f64);
                }
            }
        }
        drop(wake);
    };
    std::thread::scope(|scope| {
        let second = &second;
        scope.spawn(move || second(woken, rested));
        first(&mut samples);
    });
    let [alone, apart, together] = samples;
    emit(&format!("{}_1t", operation), median(alone));
    emit(&format!("{}_2t_apart", operation), median(apart));
    emit(&format!("{}_2t", operation), median(together));
}

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("smaps_rollup");
    let line = text.lines().find(|l| l.starts_with("Rss:")).expect("Rss");
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

// ---- metrics ----

fn counters(registry: &Registry, name: &str) -> IntCounterVec {
    let c = IntCounterVec::new(Opts::new(name, "Requests served."), &NAMES).unwrap();
    registry.register(Box::new(c.clone())).unwrap();
    c
}

fn histograms(registry: &Registry) -> HistogramVec {
    let opts = HistogramOpts::new("http_request_duration_seconds", "Time to answer.").buckets(BOUNDS.to_vec());
    let h = HistogramVec::new(opts, &NAMES).unwrap();
    registry.register(Box::new(h.clone())).unwrap();
    h
}

fn fill_counters(registry: &Registry, series: u32) {
    let c = counters(registry, "http_requests_total");
    for i in 0..series {
        let l = labels_of(i);
        c.with_label_values(&[l.0, &l.1, l.2]).inc_by(counter_value(i));
    }
}

fn fill_histograms(registry: &Registry, series: u32) {
    let (h, values) = (histograms(registry), observations());
    let mut v = values.iter().cycle();
    for i in 0..series {
        let l = labels_of(i);
        let child = h.with_label_values(&[l.0, &l.1, l.2]);
        for _ in 0..HISTOGRAM_FILL {
            child.observe(*v.next().unwrap());
        }
    }
}

// ---- cases ----

fn counter_case(registry: &Registry) {
    let counters = counters(registry, "http_requests_total");
    let held = [counters.with_label_values(&["GET", "/", "200"]), counters.with_label_values(&["GET", "/", "404"])];
    let run = |c: &IntCounter, n| {
        for _ in 0..n {
            opaque(c).inc();
        }
    };
    ns_per_op("counter_inc", [&|n| run(&held[0], n), &|n| run(&held[1], n)]);
}

fn observe_case(registry: &Registry) {
    let (histograms, values) = (histograms(registry), observations());
    let held = [histograms.with_label_values(&["GET", "/", "200"]), histograms.with_label_values(&["GET", "/", "404"])];
    let run = |h: &Histogram, n| {
        for i in 0..n {
            opaque(h).observe(values[i as usize % VALUES]);
        }
    };
    ns_per_op("observe", [&|n| run(&held[0], n), &|n| run(&held[1], n)]);
}

fn lookup_case(registry: &Registry) {
    let families = [counters(registry, "http_requests_total"), counters(registry, "other_requests_total")];
    let labels: Vec<Labels> = (0..LOOKUP_SERIES).map(labels_of).collect();
    for l in &labels {
        for family in &families {
            family.with_label_values(&[l.0, &l.1, l.2]);
        }
    }
    let run = |c: &IntCounterVec, n| {
        for i in 0..n {
            let l = &labels[i as usize % LOOKUP_SERIES as usize];
            opaque(c).with_label_values(&[l.0, &l.1, l.2]).inc();
        }
    };
    ns_per_op("lookup_inc", [&|n| run(&families[0], n), &|n| run(&families[1], n)]);
}

fn render(registry: &Registry) -> usize {
    let mut out = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut out).unwrap();
    out.len()
}

fn text_case(registry: &Registry, key: &str) {
    let (mut best, mut spent, mut bytes, mut runs) = (Duration::MAX, Duration::ZERO, 0, 0);
    while runs < 3 || spent < Duration::from_millis(300) {
        let start = Instant::now();
        let written = render(registry);
        let took = start.elapsed();
        assert!(runs == 0 || written == bytes, "a rendering differs in size from the ones before it");
        bytes = written;
        best = best.min(took);
        spent += took;
        runs += 1;
    }
    emit(key, bytes as f64 / best.as_nanos() as f64 * 1000.0);
}

fn memory_case(registry: &Registry, series: u32) {
    let labels: Vec<Labels> = (0..series).map(labels_of).collect();
    let c = counters(registry, "http_requests_total");
    let before = resident_bytes();
    let start = Instant::now();
    for l in &labels {
        c.with_label_values(&[l.0, &l.1, l.2]).inc();
    }
    emit("series_create_ns", start.elapsed().as_nanos() as f64 / f64::from(series));
    emit("bytes_per_series", (resident_bytes() - before) / f64::from(series));
}

fn slices_case(registry: &Registry) {
    fill_counters(registry, 1_000_000);
    let start = Instant::now();
    render(registry);
    emit("slice_stall_us", start.elapsed().as_nanos() as f64 / 1000.0);
}

fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let r = &Registry::new();
    match name.as_str() {
        "counter" => counter_case(r),
        "observe" => observe_case(r),
        "lookup" => lookup_case(r),
        "text_counters_10k" => {
            fill_counters(r, 10_000);
            text_case(r, &name);
        }
        "text_counters_100k" => {
            fill_counters(r, 100_000);
            text_case(r, &name);
        }
        "text_histograms_1k" => {
            fill_histograms(r, 1000);
            text_case(r, &name);
        }
        "memory" => memory_case(r, 100_000),
        "slices" => slices_case(r),
        _ => {
            eprintln!("usage: rust-prometheus CASE; no case \"{}\"", name);
            std::process::exit(2);
        }
    }
}
