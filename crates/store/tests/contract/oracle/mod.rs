//! Random sequences of operations, held against the domain's own judgement.
//!
//! The domain says in plain code what is to happen; the statements say it again in SQL. Here both
//! are asked the same questions.

mod otp;
mod sessions;

use doorward_store::{Engine, StoreError};
use doorward_testkit::database::TestDatabase;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::support::Scope;

/// What ends a sequence: an error of the store, or a disagreement.
struct Failure(String);

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// Runs each sequence in a transaction of its own.
async fn explore<S: Strategy>(
    db: &TestDatabase,
    app: &Scope,
    sequences: S,
    run: fn(&mut doorward_store::app::AppWrite<'_>, &S::Value) -> Result<(), Failure>,
) where
    S::Value: Clone + Send + 'static,
{
    let mut runner = TestRunner::new(Config {
        cases: match db.engine() {
            Engine::Sqlite => 256,
            Engine::Postgres => 48,
        },
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    });
    let handle = tokio::runtime::Handle::current();
    let explored = tokio::task::block_in_place(|| {
        runner.run(&sequences, |sequence| {
            let id = app.id;
            handle
                .block_on(app.store.write(move |tx| run(&mut tx.app(id), &sequence)))
                .map_err(|failure| TestCaseError::fail(failure.0))
        })
    });
    if let Err(failure) = explored {
        panic!("{failure}");
    }
}

/// Ends a sequence when the store and the domain do not say the same.
fn agree<T: PartialEq + std::fmt::Debug>(what: &str, store: &T, domain: &T) -> Result<(), Failure> {
    if store == domain {
        Ok(())
    } else {
        Err(Failure(format!(
            "{what}: the store says {store:?}, the domain {domain:?}"
        )))
    }
}
