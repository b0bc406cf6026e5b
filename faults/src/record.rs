//! What the clients saw: kept on their side, so that nothing a server forgets is forgotten here.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::http::{Answer, NoAnswer};

/// The record of one scenario. Shared by its clients.
#[derive(Default)]
pub(crate) struct Record(Mutex<Entries>);

/// What is in it.
#[derive(Default)]
pub(crate) struct Entries {
    /// Requests sent.
    pub(crate) operations: u64,
    /// Those that were carried out, as their answers say.
    pub(crate) acknowledged: u64,
    /// Answers that no client wants, and answers that did not come, by kind.
    pub(crate) trouble: BTreeMap<String, u64>,
    /// Things acknowledged that are not there.
    pub(crate) lost: Vec<String>,
    /// Things usable once that were used twice.
    pub(crate) double: Vec<String>,
    /// Answers that the protocol does not allow.
    pub(crate) wrong: Vec<String>,
    /// The longest time without any acknowledgement, while there was load.
    pub(crate) longest_gap: Duration,
    /// The longest wait for an answer.
    pub(crate) slowest: Duration,
    /// Acknowledged changes, by request id, whose audit event must be there.
    pub(crate) audited: Vec<(String, &'static str)>,
    /// The last acknowledgement, while there is load.
    last: Option<Instant>,
}

/// Kept of each list; the counts are whole.
const EXAMPLES: usize = 10_000;

impl Record {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on a silence counts.
    pub(crate) fn load_begins(&self) {
        self.entries().last = Some(Instant::now());
    }

    /// From now on it does not.
    pub(crate) fn load_ends(&self) {
        let mut entries = self.entries();
        if let Some(last) = entries.last.take() {
            entries.longest_gap = entries.longest_gap.max(last.elapsed());
        }
    }

    /// A request was carried out.
    pub(crate) fn acknowledged(&self) {
        let mut entries = self.entries();
        entries.acknowledged += 1;
        if let Some(last) = entries.last {
            entries.longest_gap = entries.longest_gap.max(last.elapsed());
            entries.last = Some(Instant::now());
        }
    }

    /// A change was acknowledged in this answer, which was the first to it.
    pub(crate) fn changed(&self, what: &'static str, answer: &Answer) {
        match &answer.request_id {
            Some(id) => self.entries().audited.push((id.clone(), what)),
            None => self.wrong(format!("{what}: an answer without X-Request-Id")),
        }
    }

    /// A request was sent and took so long.
    pub(crate) fn took(&self, wait: Duration) {
        let mut entries = self.entries();
        entries.operations += 1;
        entries.slowest = entries.slowest.max(wait);
    }

    /// No answer, or 502 to 504: what a client meets during a fault. The answer must be one that a
    /// program can act upon.
    pub(crate) fn unavailable(&self, path: &str, answer: &Answer) {
        let kind = format!("{} {}", answer.status, answer.code());
        *self.entries().trouble.entry(kind).or_default() += 1;
        if answer.code() != "SERVICE_UNAVAILABLE" || answer.retry_after.is_none() {
            self.wrong(format!(
                "{path}: {} {} without code or Retry-After",
                answer.status,
                answer.code()
            ));
        }
    }

    /// No answer.
    pub(crate) fn unanswered(&self, NoAnswer(why): &NoAnswer) {
        *self.entries().trouble.entry(why.clone()).or_default() += 1;
    }

    pub(crate) fn lost(&self, what: String) {
        push(&mut self.entries().lost, what);
    }

    pub(crate) fn double(&self, what: String) {
        push(&mut self.entries().double, what);
    }

    pub(crate) fn wrong(&self, what: String) {
        push(&mut self.entries().wrong, what);
    }
}

fn push(list: &mut Vec<String>, what: String) {
    if list.len() < EXAMPLES {
        list.push(what);
    }
}
