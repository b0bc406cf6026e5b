//! What is counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use doorward_delivery::sender::SendError;
use doorward_delivery::worker::describe_metrics;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

use super::house::{Act, House, LIFE, Script, TestDatabase, options, until};

/// Keeps sums by `name{channel}`.
#[derive(Default, Clone)]
struct Sums(Arc<Mutex<BTreeMap<String, f64>>>);

struct Sum {
    sums: Sums,
    name: String,
}

impl Sum {
    fn add(&self, value: f64) {
        *self
            .sums
            .0
            .lock()
            .unwrap()
            .entry(self.name.clone())
            .or_default() += value;
    }
}

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }

    fn absolute(&self, _: u64) {}
}

impl HistogramFn for Sum {
    fn record(&self, value: f64) {
        self.add(value);
    }
}

impl Sums {
    fn sum(&self, key: &Key) -> Arc<Sum> {
        let channel = key
            .labels()
            .map(metrics::Label::value)
            .collect::<Vec<_>>()
            .join(",");
        Arc::new(Sum {
            sums: self.clone(),
            name: format!("{}{{{channel}}}", key.name()),
        })
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.0
            .lock()
            .unwrap()
            .insert(format!("described {}", name.as_str()), 0.0);
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        self.0
            .lock()
            .unwrap()
            .insert(format!("described {}", name.as_str()), 0.0);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.sum(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.sum(key))
    }
}

/// One thread, so that the recorder of this thread sees everything and nothing of other tests.
#[tokio::test(flavor = "current_thread")]
async fn counts_by_channel() {
    let sums = Sums::default();
    let _guard = metrics::set_default_local_recorder(&sums);
    describe_metrics();
    let db = TestDatabase::sqlite().await;
    let house = House::new(&db);
    let acts = [Act::Fail(SendError::temporary("down")), Act::Accept];
    let sender = Script::new(acts);
    house.enqueue(1).await;
    let worker = house.start(&sender, options());
    until("the failure is noted", async || {
        sums.0
            .lock()
            .unwrap()
            .contains_key("doorward_messages_retried_total{email}")
    })
    .await;
    house.clock.advance_seconds(10);
    house.drained().await;
    worker.stop().await;

    let failing = Script::new([Act::Fail(SendError::permanent("no"))]);
    house.enqueue(2).await;
    let worker = house.start(&failing, options());
    house.drained().await;
    worker.stop().await;

    house.enqueue(2).await;
    house.clock.advance_seconds(LIFE);
    let worker = house.start(&failing, options());
    house.drained().await;
    worker.stop().await;

    let sums = sums.0.lock().unwrap().clone();
    for (name, wanted) in [
        ("doorward_messages_sent_total{email}", 1.0),
        ("doorward_messages_retried_total{email}", 1.0),
        ("doorward_messages_failed_total{email}", 1.0),
        ("doorward_messages_failed_total{sms}", 1.0),
        ("doorward_messages_expired_total{email}", 1.0),
        ("doorward_messages_expired_total{sms}", 1.0),
        ("doorward_message_delay_seconds{email}", 10.0),
    ] {
        assert_eq!(sums.get(name), Some(&wanted), "{name}: {sums:?}");
        let described = format!("described {}", name.split('{').next().unwrap());
        assert!(sums.contains_key(&described), "{described}");
    }
}
