// SPDX-License-Identifier: Apache-2.0

//! measured's side of the table: a family with a label struct; the library keeps the strings in its own sets, one per label. It has no handle of
//! a series that could be kept, so the held handle is a metric without labels, which is its fastest way. A key is its LabelId.

#[path = "../../rust-common/harness.rs"]
mod harness;

use harness::{Labels, Peer, BOUNDS};
use measured::metric::{group::Encoding, histogram::Thresholds, name::MetricName, LabelId, MetricFamilyEncoding};
use measured::text::BufferedTextEncoder;
use measured::{Counter, CounterVec, Histogram, HistogramVec, LabelGroup};
use paracord::ParaCord;
use std::cell::RefCell;
use std::sync::Arc;

#[derive(Clone, Copy, LabelGroup)]
#[label(set = KeySet)]
struct Key<'a> {
    #[label(dynamic_with = ParaCord, default)]
    method: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    route: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    status_code: &'a str,
}

fn key_of(l: &Labels) -> Key<'_> {
    Key { method: l.0, route: &l.1, status_code: l.2 }
}

type Counters = Arc<CounterVec<KeySet>>;
type Histograms = Arc<HistogramVec<KeySet, 11>>;

struct Measured {
    counters: Vec<(&'static MetricName, Counters)>,
    histograms: Vec<(&'static MetricName, Histograms)>,
    encoder: RefCell<BufferedTextEncoder>,
}

impl Peer for Measured {
    type Counters = Counters;
    type Histograms = Histograms;
    type Counter = Counter;
    type Histogram = Histogram<11>;
    type Key = LabelId<KeySet>;

    fn new() -> Self {
        Measured { counters: Vec::new(), histograms: Vec::new(), encoder: RefCell::new(BufferedTextEncoder::new()) }
    }
    fn counters(&mut self, name: &'static str) -> Counters {
        let c = Arc::new(CounterVec::sparse());
        self.counters.push((MetricName::from_str(name), c.clone()));
        c
    }
    fn histograms(&mut self, name: &'static str) -> Histograms {
        let h = Arc::new(HistogramVec::sparse_with_metadata(Thresholds::with_buckets(BOUNDS)));
        self.histograms.push((MetricName::from_str(name), h.clone()));
        h
    }
    fn counter(_: &Counters, _: &Labels) -> Counter {
        Counter::new()
    }
    fn inc(counter: &Counter) {
        counter.inc();
    }
    fn add(counters: &Counters, l: &Labels, n: u64) {
        counters.inc_by(key_of(l), n);
    }
    fn histogram(_: &Histograms, _: &Labels) -> Histogram<11> {
        Histogram::with_metadata(Thresholds::with_buckets(BOUNDS))
    }
    fn observe(histogram: &Histogram<11>, value: f64) {
        histogram.observe(value);
    }
    fn observe_all(histograms: &Histograms, l: &Labels, values: impl Iterator<Item = f64>) {
        values.for_each(|v| histograms.observe(key_of(l), v));
    }
    fn inc_by_strings(counters: &Counters, l: &Labels) {
        counters.inc(key_of(l));
    }
    fn key(counters: &Counters, l: &Labels) -> Option<LabelId<KeySet>> {
        Some(counters.with_labels(key_of(l)))
    }
    fn inc_by_key(counters: &Counters, key: &LabelId<KeySet>) {
        counters.get_metric(*key).inc();
    }
    fn render(&self) -> usize {
        let mut encoder = self.encoder.borrow_mut();
        for (name, family) in &self.counters {
            encoder.write_help(name, "Requests served.").unwrap();
            family.collect_family_into(name, &mut *encoder).unwrap();
        }
        for (name, family) in &self.histograms {
            encoder.write_help(name, "Time to answer.").unwrap();
            family.collect_family_into(name, &mut *encoder).unwrap();
        }
        encoder.finish().len()
    }
}

fn main() {
    harness::run::<Measured>();
}
