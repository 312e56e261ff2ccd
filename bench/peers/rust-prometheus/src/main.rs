// SPDX-License-Identifier: Apache-2.0

//! rust prometheus' side of the table, with its own idioms: children held for hot paths, `with_label_values` for
//! lookups, `TextEncoder` for the exposition, the integer counter where values are whole. It has no prepared label values.

#[path = "../../rust-common/harness.rs"]
mod harness;

use harness::{Labels, Peer, BOUNDS, NAMES};
use prometheus::{Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

struct Prometheus(Registry);

impl Peer for Prometheus {
    type Counters = IntCounterVec;
    type Histograms = HistogramVec;
    type Counter = IntCounter;
    type Histogram = Histogram;
    type Key = ();

    fn new() -> Self {
        Prometheus(Registry::new())
    }
    fn counters(&mut self, name: &'static str) -> IntCounterVec {
        let c = IntCounterVec::new(Opts::new(name, "Requests served."), &NAMES).unwrap();
        self.0.register(Box::new(c.clone())).unwrap();
        c
    }
    fn histograms(&mut self, name: &'static str) -> HistogramVec {
        let opts = HistogramOpts::new(name, "Time to answer.").buckets(BOUNDS.to_vec());
        let h = HistogramVec::new(opts, &NAMES).unwrap();
        self.0.register(Box::new(h.clone())).unwrap();
        h
    }
    fn counter(counters: &IntCounterVec, l: &Labels) -> IntCounter {
        counters.with_label_values(&[l.0, &l.1, l.2])
    }
    fn inc(counter: &IntCounter) {
        counter.inc();
    }
    fn add(counters: &IntCounterVec, l: &Labels, n: u64) {
        Self::counter(counters, l).inc_by(n);
    }
    fn histogram(histograms: &HistogramVec, l: &Labels) -> Histogram {
        histograms.with_label_values(&[l.0, &l.1, l.2])
    }
    fn observe(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }
    fn observe_all(histograms: &HistogramVec, l: &Labels, values: impl Iterator<Item = f64>) {
        let histogram = Self::histogram(histograms, l);
        values.for_each(|v| histogram.observe(v));
    }
    fn inc_by_strings(counters: &IntCounterVec, l: &Labels) {
        counters.with_label_values(&[l.0, &l.1, l.2]).inc();
    }
    fn key(_: &IntCounterVec, _: &Labels) -> Option<()> {
        None
    }
    fn inc_by_key(_: &IntCounterVec, _: &()) {}
    fn render(&self) -> usize {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.0.gather(), &mut out).unwrap();
        out.len()
    }
}

fn main() {
    harness::run::<Prometheus>();
}
