// SPDX-License-Identifier: Apache-2.0

//! Shared by the peers in Rust: the workload, the two-thread run, the cases. A peer implements each operation with its library. The cases are
//! defined in bench/README.md.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const VALUES: usize = 1024;
const LOOKUP_SERIES: u32 = 64;
const HISTOGRAM_FILL: usize = 100;
const GOOD_BATCHES: usize = 50;
const ROUNDS_MAX: usize = 400;
const BATCH_TIME: Duration = Duration::from_millis(1);
#[allow(dead_code)] // some peers derive the names from a struct
pub const NAMES: [&str; 3] = ["method", "route", "status_code"];
pub const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Clone)]
pub struct Labels(pub &'static str, pub String, pub &'static str);

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
pub fn opaque<T>(object: &T) -> &T {
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

/// How often the scheduler has preempted this thread (involuntary context switches).
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

/// The cores of this thread; a thread that it starts inherits them.
fn cores() -> Cores {
    let mut all = [0; 16];
    unsafe { sched_getaffinity(0, 128, all.as_mut_ptr()) };
    all
}

/// Bind each thread to its own core if there are two.
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

// ---- the cases ----

/// A library, in its own idioms.
pub trait Peer: Sized {
    type Counters: Sync;
    type Histograms: Sync;
    /// The handle that is kept for updates.
    type Counter: Sync;
    type Histogram: Sync;
    /// Prepared label values, in the library's form.
    type Key: Sync;

    fn new() -> Self;
    fn counters(&mut self, name: &'static str) -> Self::Counters;
    fn histograms(&mut self, name: &'static str) -> Self::Histograms;
    fn counter(counters: &Self::Counters, labels: &Labels) -> Self::Counter;
    fn inc(counter: &Self::Counter);
    fn add(counters: &Self::Counters, labels: &Labels, n: u64);
    fn histogram(histograms: &Self::Histograms, labels: &Labels) -> Self::Histogram;
    fn observe(histogram: &Self::Histogram, value: f64);
    fn observe_all(histograms: &Self::Histograms, labels: &Labels, values: impl Iterator<Item = f64>);
    /// Looks the series up by three strings.
    fn inc_by_strings(counters: &Self::Counters, labels: &Labels);
    /// None: the library has no prepared label values.
    fn key(counters: &Self::Counters, labels: &Labels) -> Option<Self::Key>;
    fn inc_by_key(counters: &Self::Counters, key: &Self::Key);
    /// One scrape as text. Returns its bytes.
    fn render(&self) -> usize;
}

fn counter_case<P: Peer>(peer: &mut P) {
    let counters = peer.counters("http_requests_total");
    let held: Vec<P::Counter> = (3..5).map(|i| P::counter(&counters, &labels_of(i))).collect();
    let run = |c: &P::Counter, n| {
        for _ in 0..n {
            P::inc(opaque(c));
        }
    };
    ns_per_op("counter_inc", [&|n| run(&held[0], n), &|n| run(&held[1], n)]);
}

fn observe_case<P: Peer>(peer: &mut P) {
    let (histograms, values) = (peer.histograms("http_request_duration_seconds"), observations());
    let held: Vec<P::Histogram> = (3..5).map(|i| P::histogram(&histograms, &labels_of(i))).collect();
    let run = |h: &P::Histogram, n| {
        for i in 0..n {
            P::observe(opaque(h), values[i as usize % VALUES]);
        }
    };
    ns_per_op("observe", [&|n| run(&held[0], n), &|n| run(&held[1], n)]);
}

fn lookup_case<P: Peer>(peer: &mut P) {
    let families = [peer.counters("http_requests_total"), peer.counters("other_requests_total")];
    let labels: Vec<Labels> = (0..LOOKUP_SERIES).map(labels_of).collect();
    for l in &labels {
        for family in &families {
            P::inc_by_strings(family, l);
        }
    }
    let run = |c: &P::Counters, n| {
        for i in 0..n {
            P::inc_by_strings(opaque(c), &labels[i as usize % LOOKUP_SERIES as usize]);
        }
    };
    ns_per_op("lookup_inc", [&|n| run(&families[0], n), &|n| run(&families[1], n)]);
    let keys: Vec<Vec<P::Key>> = families.iter().map(|c| labels.iter().filter_map(|l| P::key(c, l)).collect()).collect();
    if keys[0].is_empty() {
        return;
    }
    let run = |t: usize, n| {
        for i in 0..n {
            P::inc_by_key(opaque(&families[t]), &keys[t][i as usize % LOOKUP_SERIES as usize]);
        }
    };
    ns_per_op("lookup_key", [&|n| run(0, n), &|n| run(1, n)]);
}

fn fill_counters<P: Peer>(peer: &mut P, series: u32) -> P::Counters {
    let c = peer.counters("http_requests_total");
    for i in 0..series {
        P::add(&c, &labels_of(i), counter_value(i));
    }
    c
}

fn fill_histograms<P: Peer>(peer: &mut P, series: u32) -> P::Histograms {
    let (h, values) = (peer.histograms("http_request_duration_seconds"), observations());
    let mut v = values.iter().copied().cycle();
    for i in 0..series {
        P::observe_all(&h, &labels_of(i), v.by_ref().take(HISTOGRAM_FILL));
    }
    h
}

fn text_case<P: Peer>(peer: &P, key: &str) {
    let (mut best, mut spent, mut bytes, mut runs) = (Duration::MAX, Duration::ZERO, 0, 0);
    while runs < 3 || spent < Duration::from_millis(300) {
        let start = Instant::now();
        let written = peer.render();
        let took = start.elapsed();
        assert!(runs == 0 || written == bytes, "a rendering differs in size from the ones before it");
        bytes = written;
        best = best.min(took);
        spent += took;
        runs += 1;
    }
    emit(key, bytes as f64 / best.as_nanos() as f64 * 1000.0);
}

fn memory_case<P: Peer>(peer: &mut P, series: u32) {
    let labels: Vec<Labels> = (0..series).map(labels_of).collect();
    let c = peer.counters("http_requests_total");
    let before = resident_bytes();
    let start = Instant::now();
    for l in &labels {
        P::inc_by_strings(&c, l);
    }
    emit("series_create_ns", start.elapsed().as_nanos() as f64 / f64::from(series));
    emit("bytes_per_series", (resident_bytes() - before) / f64::from(series));
}

fn slices_case<P: Peer>(peer: &mut P) {
    let _kept = fill_counters(peer, 1_000_000);
    let start = Instant::now();
    peer.render();
    emit("slice_stall_us", start.elapsed().as_nanos() as f64 / 1000.0);
}

/// The program: one case, named by its argument.
pub fn run<P: Peer>() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let peer = &mut P::new();
    match name.as_str() {
        "counter" => counter_case(peer),
        "observe" => observe_case(peer),
        "lookup" => lookup_case(peer),
        "text_counters_10k" | "text_counters_100k" => {
            let _kept = fill_counters(peer, if name.ends_with("100k") { 100_000 } else { 10_000 });
            text_case(peer, &name);
        }
        "text_histograms_1k" => {
            let _kept = fill_histograms(peer, 1000);
            text_case(peer, &name);
        }
        "memory" => memory_case(peer, 100_000),
        "slices" => slices_case(peer),
        _ => {
            eprintln!("usage: {} CASE; no case \"{}\"", std::env::args().next().unwrap_or_default(), name);
            std::process::exit(2);
        }
    }
}
