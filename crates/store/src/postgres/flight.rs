//! Several requests sent together, answered in order: one round trip.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, Error, Row, Statement};

use super::value::Bind;
use crate::value::Param;

/// What a request was answered with.
pub(super) enum Reply {
    Done,
    Changed(u64),
    Rows(Vec<Row>),
}

type Answer = Result<Reply, Error>;
type Request<'a> = Pin<Box<dyn Future<Output = Answer> + 'a>>;

/// Requests that leave together, in the order in which they were added.
pub(super) struct Flight<'a> {
    client: &'a Client,
    requests: Vec<(Request<'a>, Option<Answer>)>,
}

impl<'a> Flight<'a> {
    pub(super) const fn new(client: &'a Client) -> Self {
        Self {
            client,
            requests: Vec::new(),
        }
    }

    fn push(&mut self, request: impl Future<Output = Answer> + 'a) {
        self.requests.push((Box::pin(request), None));
    }

    /// BEGIN, COMMIT, ROLLBACK.
    pub(super) fn control(&mut self, sql: &'static str) {
        let client = self.client;
        self.push(async move { client.batch_execute(sql).await.map(|()| Reply::Done) });
    }

    /// A statement whose rows nobody wants.
    pub(super) fn execute(&mut self, statement: &'a Statement, params: Vec<Param<'a>>) {
        let client = self.client;
        self.push(async move {
            client
                .execute_raw(statement, params.into_iter().map(Bind))
                .await
                .map(Reply::Changed)
        });
    }

    /// A statement whose rows are wanted.
    pub(super) fn query(&mut self, statement: &'a Statement, params: Vec<Param<'a>>) {
        let client = self.client;
        self.push(async move {
            let rows = client
                .query_raw(statement, params.into_iter().map(Bind))
                .await?;
            rows.try_collect().await.map(Reply::Rows)
        });
    }

    /// Sends them and waits for every answer.
    ///
    /// A request is sent when it is polled first; polling them in order is what keeps them in
    /// order on the wire.
    pub(super) async fn land(mut self) -> Vec<Answer> {
        poll_fn(|context| {
            let mut waiting = false;
            for (request, answer) in &mut self.requests {
                if answer.is_none() {
                    match request.as_mut().poll(context) {
                        Poll::Ready(ready) => *answer = Some(ready),
                        Poll::Pending => waiting = true,
                    }
                }
            }
            if waiting {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        self.requests
            .into_iter()
            .filter_map(|(_, answer)| answer)
            .collect()
    }
}
