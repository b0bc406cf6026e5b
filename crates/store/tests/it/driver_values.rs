//! Each type comes back as it went in.

use doorward_store::{Param, StoreError, Value};
use doorward_testkit::on_both_engines;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use crate::support::{Probe, Raw, Tune};

type Sample = (
    Option<bool>,
    Option<i64>,
    Option<String>,
    Option<Vec<u8>>,
    Option<Uuid>,
    Option<Timestamp>,
);

const PUT: &str = "INSERT INTO probe (id, b, i, t, y, u, at) VALUES (1, $1, $2, $3, $4, $5, $6) \
     ON CONFLICT (id) DO UPDATE SET b = $1, i = $2, t = $3, y = $4, u = $5, at = $6";
const PUT_BACKWARDS: &str = "UPDATE probe SET at = $6, u = $5, y = $4, t = $3, i = $2, b = $1";
const GET: &str = "SELECT b, i, t, y, u, at FROM probe WHERE id = 1";

fn micros(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap();
    Timestamp::new(micros.div_euclid(1_000_000), nanos).unwrap()
}

/// PostgreSQL's earliest time is in 4714 BC; ours need to reach back to year 1 at least.
fn times() -> impl Strategy<Value = Timestamp> {
    let first: Timestamp = "0001-01-01T00:00:00Z".parse().unwrap();
    let range = first.as_microsecond()..=Timestamp::MAX.as_microsecond();
    prop_oneof![
        range.prop_map(micros),
        Just(first),
        Just(Timestamp::UNIX_EPOCH),
        Just(micros(Timestamp::MAX.as_microsecond())),
        Just(micros(-1)),
    ]
}

fn samples() -> impl Strategy<Value = Sample> {
    (
        any::<Option<bool>>(),
        proptest::option::of(prop_oneof![
            any::<i64>(),
            Just(i64::MIN),
            Just(i64::MAX),
            Just(0)
        ]),
        proptest::option::of(prop_oneof![
            "[^\0]{0,40}",
            Just(String::new()),
            Just("é\u{10ffff}'$1?1".into())
        ]),
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
        proptest::option::of(any::<u128>().prop_map(Uuid::from_u128)),
        proptest::option::of(times()),
    )
}

async fn round_trip(raw: &Raw, sample: Sample, backwards: bool) -> Result<Sample, StoreError> {
    let write = raw.write(move |tx| {
        let (b, i, t, y, u, at) = &sample;
        let params: [Param<'_>; 6] = [
            (*b).into(),
            (*i).into(),
            t.as_ref().into(),
            y.as_ref().into(),
            (*u).into(),
            (*at).into(),
        ];
        if backwards {
            tx.execute(PUT_BACKWARDS, &params)
        } else {
            tx.defer(PUT, &params).map(|()| 1)
        }
    });
    assert_eq!(write.await?, 1);
    raw.read(|tx| {
        let mut row = tx.query(GET, &[])?.remove(0);
        Ok((
            row.take()?,
            row.take()?,
            row.take()?,
            row.take()?,
            row.take()?,
            row.take()?,
        ))
    })
    .await
}

on_both_engines! {
    async fn values_come_back_as_they_went_in(db: TestDatabase) {
        let probe = Probe::new(&db, Tune::default()).await;
        let runtime = tokio::runtime::Handle::current();
        let config = Config { cases: 100, failure_persistence: None, ..Config::default() };
        tokio::task::block_in_place(|| {
            let outcome = TestRunner::new(config).run(&samples(), |sample| {
                for backwards in [false, true] {
                    let back = runtime.block_on(round_trip(&probe.raw, sample.clone(), backwards));
                    let back = back.map_err(|error| error.to_string());
                    prop_assert_eq!(&back, &Ok(sample.clone()));
                }
                Ok(())
            });
            outcome.unwrap();
        });
    }

    async fn a_large_value_comes_back(db: TestDatabase) {
        let probe = Probe::new(&db, Tune::default()).await;
        let (text, bytes) = ("é".repeat(500_000), vec![0xff; 1_000_000]);
        let sample = (None, None, Some(text), Some(bytes), None, None);
        assert_eq!(round_trip(&probe.raw, sample.clone(), false).await.unwrap(), sample);
    }

    async fn text_with_nul_is_refused_alike(db: TestDatabase) {
        let probe = Probe::new(&db, Tune::default()).await;
        for defer in [false, true] {
            let outcome = probe.raw.write(move |tx| {
                let params = ["a\0b".into()];
                let sql = "INSERT INTO probe (id, t) VALUES (1, $1)";
                if defer { tx.defer(sql, &params) } else { tx.execute(sql, &params).map(drop) }
            });
            assert!(matches!(outcome.await, Err(StoreError::Internal(_))));
        }
        assert_eq!(probe.ids().await, [0_i64; 0]);
    }

    async fn a_parameter_of_the_wrong_type_commits_nothing(db: TestDatabase) {
        let probe = Probe::new(&db, Tune::default()).await;
        let outcome = probe.raw.write(|tx| {
            tx.execute("INSERT INTO probe (id) VALUES (1)", &[])?;
            let _ = tx.defer("UPDATE probe SET i = $1", &["text".into()]);
            Ok(())
        });
        outcome.await.unwrap_err();
        assert_eq!(probe.ids().await, [0_i64; 0]);
    }

    async fn a_column_of_another_type_is_a_decoding_error(db: TestDatabase) {
        let probe = Probe::new(&db, Tune::default()).await;
        let read = probe.raw.read(|tx| tx.query("SELECT 'x'", &[])?.remove(0).take::<i64>());
        assert!(matches!(read.await, Err(StoreError::Decode(_))));
        let float = probe.raw.read(|tx| tx.query("SELECT 0.5", &[]).map(drop));
        assert!(matches!(float.await, Err(StoreError::Decode(_))));
    }
}

#[test]
fn an_owned_value_is_the_parameter_it_was_made_from() {
    let uuid = Uuid::from_u128(7);
    for param in [
        Param::Null,
        Param::Bool(true),
        Param::Int(-3),
        Param::Text("t"),
        Param::Bytes(&[1]),
        Param::Uuid(uuid),
        Param::Time(Timestamp::UNIX_EPOCH),
    ] {
        let value: Value = param.to_value();
        assert_eq!(format!("{:?}", value.as_param()), format!("{param:?}"));
    }
}
