// SPDX-License-Identifier: Apache-2.0

//! rust prometheus' side of the table, with its own idioms: children held for hot paths, `with_label_values` for
//! lookups, `TextEncoder` for the exposition, the integer counter where values are whole. The cases are defined in
//! bench/README.md.

use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const VALUES: usize = 1024;
const LOOKUP_SERIES: u32 = 64;
const HISTOGRAM_FILL: usize = 100;
const BATCHES: u64 = 100;
const GOOD_BATCHES: u64 = 50;
const BATCHES_MAX: u64 = 1000;
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

fn calibrate(f: &(dyn Fn(u64) + Sync)) -> u64 {
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

fn quantile(mut took: Vec<u64>, q: f64) -> f64 {
    took.sort_unstable();
    took[(q * took.len() as f64) as usize] as f64
}

fn one_thread(f: &(dyn Fn(u64) + Sync), n: u64) -> f64 {
    let batch = |_| {
        let start = Instant::now();
        f(n);
        start.elapsed().as_nanos() as u64
    };
    quantile((0..BATCHES).map(batch).collect(), 0.1) / n as f64
}

/// How often this thread has been taken off its core against its will.
fn descheduled() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/status").expect("status");
    let line = text.lines().find(|l| l.starts_with("nonvoluntary_ctxt_switches:")).expect("switches");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Only batches in which neither thread lost its core count; see common/harness.c.
fn two_threads(f: &(dyn Fn(u64) + Sync), n: u64) -> f64 {
    let (arrived, finished, released) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let (started, ended, good) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let switches = [AtomicU64::new(0), AtomicU64::new(0)];
    let took: Vec<AtomicU64> = (0..GOOD_BATCHES).map(|_| AtomicU64::new(0)).collect();
    let epoch = Instant::now();
    let now = || epoch.elapsed().as_nanos() as u64;
    let (relaxed, both) = (Ordering::Relaxed, Ordering::AcqRel);
    let side = |thread: usize| {
        f(1000);
        let mut batch = 1;
        while batch <= BATCHES_MAX && good.load(Ordering::Acquire) < GOOD_BATCHES {
            let before = descheduled();
            if arrived.fetch_add(1, both) + 1 == 2 * (2 * batch - 1) {
                started.store(now(), relaxed);
                released.store(2 * batch - 1, Ordering::Release);
            }
            while released.load(Ordering::Acquire) < 2 * batch - 1 {}
            f(n);
            if finished.fetch_add(1, both) + 1 == 2 * batch {
                ended.store(now(), relaxed);
            }
            switches[thread].store(descheduled() - before, relaxed);
            if arrived.fetch_add(1, both) + 1 == 4 * batch {
                let undisturbed = switches[0].load(relaxed) + switches[1].load(relaxed) == 0;
                if undisturbed || batch + GOOD_BATCHES - good.load(relaxed) > BATCHES_MAX {
                    took[good.fetch_add(1, relaxed) as usize].store(ended.load(relaxed) - started.load(relaxed), relaxed);
                }
                released.store(2 * batch, Ordering::Release);
            }
            while released.load(Ordering::Acquire) < 2 * batch {}
            batch += 1;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| side(1));
        side(0);
    });
    let good = good.into_inner() as usize;
    quantile(took.into_iter().take(good).map(AtomicU64::into_inner).collect(), 0.5) / n as f64
}

fn ns_per_op(f: &(dyn Fn(u64) + Sync), threads: u32) -> f64 {
    let n = calibrate(f);
    if threads == 2 {
        two_threads(f, n / 4)
    } else {
        one_thread(f, n)
    }
}

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("smaps_rollup");
    let line = text.lines().find(|l| l.starts_with("Rss:")).expect("Rss");
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

// ---- metrics ----

fn counters(registry: &Registry) -> IntCounterVec {
    let c = IntCounterVec::new(Opts::new("http_requests_total", "Requests served."), &NAMES).unwrap();
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
    let c = counters(registry);
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

fn counter_case(registry: &Registry, threads: u32, key: &str) {
    let c = counters(registry).with_label_values(&["GET", "/", "200"]);
    let run = |n| {
        for _ in 0..n {
            opaque(&c).inc();
        }
    };
    emit(key, ns_per_op(&run, threads));
}

fn observe_case(registry: &Registry, threads: u32, key: &str) {
    let (h, values) = (histograms(registry).with_label_values(&["GET", "/", "200"]), observations());
    let run = |n| {
        for i in 0..n {
            opaque(&h).observe(values[i as usize % VALUES]);
        }
    };
    emit(key, ns_per_op(&run, threads));
}

fn lookup_case(registry: &Registry, threads: u32, key: &str) {
    let c = counters(registry);
    let labels: Vec<Labels> = (0..LOOKUP_SERIES).map(labels_of).collect();
    for l in &labels {
        c.with_label_values(&[l.0, &l.1, l.2]);
    }
    let run = |n| {
        for i in 0..n {
            let l = &labels[i as usize % LOOKUP_SERIES as usize];
            opaque(&c).with_label_values(&[l.0, &l.1, l.2]).inc();
        }
    };
    emit(key, ns_per_op(&run, threads));
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
    let c = counters(registry);
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
        "counter_1t" => counter_case(r, 1, "counter_inc_1t"),
        "counter_2t" => counter_case(r, 2, "counter_inc_2t"),
        "observe_1t" => observe_case(r, 1, "observe_1t"),
        "observe_2t" => observe_case(r, 2, "observe_2t"),
        "lookup_1t" => lookup_case(r, 1, "lookup_inc_1t"),
        "lookup_2t" => lookup_case(r, 2, "lookup_inc_2t"),
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
