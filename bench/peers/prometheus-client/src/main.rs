// SPDX-License-Identifier: Apache-2.0

//! prometheus-client's side of the table: a family with a label struct. A lookup by strings creates the struct, as its users do; a key is a struct
//! that was created before.

#[path = "../../rust-common/harness.rs"]
mod harness;

use harness::{Labels, Peer, BOUNDS};
use prometheus_client::encoding::{prometheus_text, EncodeLabelSet};
use prometheus_client::metrics::{counter::Counter, family::Family, histogram::Histogram};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Eq, PartialEq, Hash, EncodeLabelSet)]
struct Key {
    method: String,
    route: String,
    status_code: String,
}

fn key_of(l: &Labels) -> Key {
    Key { method: l.0.to_owned(), route: l.1.clone(), status_code: l.2.to_owned() }
}

struct PrometheusClient(Registry);

impl Peer for PrometheusClient {
    type Counters = Family<Key, Counter>;
    type Histograms = Family<Key, Histogram, fn() -> Histogram>;
    type Counter = Counter;
    type Histogram = Histogram;
    type Key = Key;

    fn new() -> Self {
        PrometheusClient(Registry::default())
    }
    fn counters(&mut self, name: &'static str) -> Self::Counters {
        let family = Family::<Key, Counter>::default();
        self.0.register(name.trim_end_matches("_total"), "Requests served", family.clone());
        family
    }
    fn histograms(&mut self, name: &'static str) -> Self::Histograms {
        let family = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
        self.0.register(name, "Time to answer", family.clone());
        family
    }
    fn counter(counters: &Self::Counters, l: &Labels) -> Counter {
        counters.get_or_create_owned(&key_of(l))
    }
    fn inc(counter: &Counter) {
        counter.inc();
    }
    fn add(counters: &Self::Counters, l: &Labels, n: u64) {
        Self::counter(counters, l).inc_by(n);
    }
    fn histogram(histograms: &Self::Histograms, l: &Labels) -> Histogram {
        histograms.get_or_create_owned(&key_of(l))
    }
    fn observe(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }
    fn observe_all(histograms: &Self::Histograms, l: &Labels, values: impl Iterator<Item = f64>) {
        let histogram = Self::histogram(histograms, l);
        values.for_each(|v| histogram.observe(v));
    }
    fn inc_by_strings(counters: &Self::Counters, l: &Labels) {
        counters.get_or_create(&key_of(l)).inc();
    }
    fn key(_: &Self::Counters, l: &Labels) -> Option<Key> {
        Some(key_of(l))
    }
    fn inc_by_key(counters: &Self::Counters, key: &Key) {
        counters.get_or_create(key).inc();
    }
    fn render(&self) -> usize {
        let mut out = String::new();
        prometheus_text::encode(&mut out, &self.0).unwrap();
        out.len()
    }
}

fn main() {
    harness::run::<PrometheusClient>();
}
