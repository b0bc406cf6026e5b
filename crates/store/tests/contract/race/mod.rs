//! Simultaneous callers, over two nodes on one database: exactly one wins, or exactly as many as
//! may.

mod app;
mod licenses;
mod platform;

use doorward_store::Store;
use doorward_testkit::database::TestDatabase;

/// Callers at once.
const CALLERS: usize = 64;

/// Lets that many call at once, every other one on a second node, and gives what each one got.
async fn race<T, F>(db: &TestDatabase, call: impl Fn(Store, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let nodes = [db.store(), db.open().await];
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(call(nodes[caller % 2].clone(), caller)))
        .collect();
    let mut answers = Vec::with_capacity(CALLERS);
    for caller in callers {
        answers.push(caller.await.expect("the caller comes back"));
    }
    nodes[1].close().await;
    answers
}

/// How many said yes.
fn winners(answers: &[bool]) -> usize {
    answers.iter().filter(|answer| **answer).count()
}
