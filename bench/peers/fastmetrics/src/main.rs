// SPDX-License-Identifier: Apache-2.0

//! fastmetrics' side of the table: a family with a label struct. A lookup by strings creates the struct, as its users do; a key is a struct that
//! was created before.

#[path = "../../rust-common/harness.rs"]
mod harness;

use fastmetrics::encoder::{EncodeLabelSet, LabelSetEncoder};
use fastmetrics::error::Result;
use fastmetrics::format::text::{self, TextProfile};
use fastmetrics::metrics::{counter::Counter, family::Family, histogram::Histogram};
use fastmetrics::raw::LabelSetSchema;
use fastmetrics::registry::Registry;
use harness::{Labels, Peer, BOUNDS, NAMES};

#[derive(Clone, Eq, PartialEq, Hash)]
struct Key {
    method: String,
    route: String,
    status_code: String,
}

impl LabelSetSchema for Key {
    fn names() -> Option<&'static [&'static str]> {
        Some(&NAMES)
    }
}

impl EncodeLabelSet for Key {
    fn encode(&self, encoder: &mut dyn LabelSetEncoder) -> Result<()> {
        encoder.encode(&("method", self.method.as_str()))?;
        encoder.encode(&("route", self.route.as_str()))?;
        encoder.encode(&("status_code", self.status_code.as_str()))
    }
}

fn key_of(l: &Labels) -> Key {
    Key { method: l.0.to_owned(), route: l.1.clone(), status_code: l.2.to_owned() }
}

struct FastMetrics(Registry);

impl Peer for FastMetrics {
    type Counters = Family<Key, Counter>;
    type Histograms = Family<Key, Histogram>;
    type Counter = Counter;
    type Histogram = Histogram;
    type Key = Key;

    fn new() -> Self {
        FastMetrics(Registry::default())
    }
    fn counters(&mut self, name: &'static str) -> Self::Counters {
        let family = Family::<Key, Counter>::default();
        self.0.register(name.trim_end_matches("_total"), "Requests served.", family.clone()).unwrap();
        family
    }
    fn histograms(&mut self, name: &'static str) -> Self::Histograms {
        let family = Family::<Key, Histogram>::new(|| Histogram::new(BOUNDS));
        self.0.register(name, "Time to answer.", family.clone()).unwrap();
        family
    }
    fn counter(counters: &Self::Counters, l: &Labels) -> Counter {
        counters.with_or_new(&key_of(l), |c| c.clone())
    }
    fn inc(counter: &Counter) {
        counter.inc();
    }
    fn add(counters: &Self::Counters, l: &Labels, n: u64) {
        Self::counter(counters, l).inc_by(n);
    }
    fn histogram(histograms: &Self::Histograms, l: &Labels) -> Histogram {
        histograms.with_or_new(&key_of(l), |h| h.clone())
    }
    fn observe(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }
    fn observe_all(histograms: &Self::Histograms, l: &Labels, values: impl Iterator<Item = f64>) {
        let histogram = Self::histogram(histograms, l);
        values.for_each(|v| histogram.observe(v));
    }
    fn inc_by_strings(counters: &Self::Counters, l: &Labels) {
        counters.with_or_new(&key_of(l), |c| c.inc());
    }
    fn key(_: &Self::Counters, l: &Labels) -> Option<Key> {
        Some(key_of(l))
    }
    fn inc_by_key(counters: &Self::Counters, key: &Key) {
        counters.with_or_new(key, |c| c.inc());
    }
    fn render(&self) -> usize {
        let mut out = String::new();
        text::encode(&mut out, &self.0, TextProfile::PrometheusV0_0_4).unwrap();
        out.len()
    }
}

fn main() {
    harness::run::<FastMetrics>();
}
