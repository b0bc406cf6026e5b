//! A round of the addresses a server may be at.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, timeout_at};

use super::connect::{ConnectError, Connected};

/// How long the first address is waited for before the others are asked too.
const HEAD_START: Duration = Duration::from_millis(500);

/// How long the others are waited for when there is a primary: one of them may be a later one.
const GRACE: Duration = Duration::from_secs(1);

/// After how long an address that refused is asked again, while another one is silent: a standby may
/// be about to take over from it.
const AGAIN: Duration = Duration::from_millis(500);

/// How to go about it.
pub(super) struct Round {
    /// The longest wait.
    pub(super) limit: Duration,
    /// All are asked at once, and the latest primary is taken; otherwise the first one.
    pub(super) wary: bool,
}

/// What can be chosen from.
struct Found {
    rank: usize,
    index: usize,
    connected: Connected,
}

impl Found {
    /// Later, or at least not earlier and preferred by the order.
    fn beats(&self, other: &Self) -> bool {
        match self.connected.origin.zip(other.connected.origin) {
            Some((this, other)) if this.supersedes(other) => true,
            Some((this, other)) if other.supersedes(this) => false,
            _ => self.rank < other.rank,
        }
    }
}

impl Round {
    /// Asks the addresses in this order; gives the index of the one that is to be used.
    pub(super) async fn run(
        &self,
        order: &[usize],
        ask: impl AsyncFn(usize) -> Result<Connected, ConnectError>,
    ) -> Result<(usize, Connected), ConnectError> {
        let began = Instant::now();
        let ask = |rank: usize, index: usize, wait: Duration| {
            let ask = &ask;
            async move {
                sleep(wait).await;
                (rank, index, ask(index).await)
            }
        };
        let mut asked = FuturesUnordered::new();
        let mut waiting = order.iter().copied().enumerate();
        let mut held_back = !self.wary;
        let first = if self.wary { order.len() } else { 1 };
        for (rank, index) in waiting.by_ref().take(first) {
            asked.push(ask(rank, index, Duration::ZERO));
        }
        let mut silent = order.len();
        let mut refusals: BTreeMap<usize, ConnectError> = BTreeMap::new();
        let mut best: Option<Found> = None;
        while silent > 0 {
            let wait = match &best {
                Some(_) => GRACE.min(self.limit),
                None if held_back => HEAD_START.min(self.limit),
                None => self.limit,
            };
            let answer = match timeout_at(began + wait, asked.next()).await {
                Ok(Some(answer)) => Some(answer),
                Err(_) if held_back => None,
                Ok(None) | Err(_) => break,
            };
            if let Some((rank, index, answer)) = answer {
                let is_news = match answer {
                    Ok(connected) => {
                        let found = Found {
                            rank,
                            index,
                            connected,
                        };
                        if !self.wary || found.connected.origin.is_none() {
                            return Ok((index, found.connected));
                        }
                        if best.as_ref().is_none_or(|best| found.beats(best)) {
                            best = Some(found);
                        }
                        refusals.remove(&index).is_none()
                    }
                    Err(refusal) => {
                        if refusal.passing {
                            asked.push(ask(rank, index, AGAIN));
                        }
                        refusals.insert(index, refusal).is_none()
                    }
                };
                silent -= usize::from(is_news);
            }
            if std::mem::take(&mut held_back) {
                for (rank, index) in waiting.by_ref() {
                    asked.push(ask(rank, index, Duration::ZERO));
                }
            }
        }
        match best {
            Some(found) => Ok((found.index, found.connected)),
            None => Err(self.refused(refusals, silent)),
        }
    }

    fn refused(&self, refusals: BTreeMap<usize, ConnectError>, silent: usize) -> ConnectError {
        let passing = silent > 0 || refusals.values().any(|refusal| refusal.passing);
        let mut why: Vec<String> = refusals.into_values().map(|why| why.message).collect();
        if silent > 0 {
            why.push(format!("no answer within {:?}", self.limit));
        }
        ConnectError {
            message: why.join("; "),
            passing,
        }
    }
}
