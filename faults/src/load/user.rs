//! One client: works by itself, never asks for two things at once (but where it means to), and
//! believes an answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::app::App;
use crate::http::{Answer, Client, NoAnswer};
use crate::record::Record;
use crate::world::catcher::Catcher;

/// Between two requests, and before trying again.
const THINK: Duration = Duration::from_millis(4);
const AGAIN: Duration = Duration::from_millis(60);

/// What all clients of a scenario share.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) app: App,
    pub(crate) catcher: Catcher,
    pub(crate) record: Record,
    /// Nothing new is begun any more.
    pub(crate) stop: AtomicBool,
}

/// A client.
pub(crate) struct User {
    pub(super) number: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) http: Client,
    pub(super) session: Option<Session>,
    /// Grows with everything that needs a name of its own.
    pub(super) count: u64,
    dice: u64,
}

/// What it was told about its session.
pub(super) struct Session {
    pub(super) user_id: String,
    pub(super) access: String,
    /// The last acknowledged refresh token.
    pub(super) token: String,
    /// The one before, whose successor was received.
    pub(super) spent: Option<String>,
    /// It was told that it has this role.
    pub(super) role: Option<&'static str>,
    /// An exchange of `token` under this key has not been answered yet.
    pub(super) pending: Option<(String, Instant)>,
    /// An exchange of `token` without a key has not been answered: it may be spent.
    pub(super) doubtful: bool,
}

impl User {
    pub(super) fn new(number: usize, shared: &Arc<Shared>) -> Self {
        Self {
            number,
            shared: Arc::clone(shared),
            http: Client::new(shared.address, number),
            session: None,
            count: 0,
            dice: (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        }
    }

    pub(super) fn record(&self) -> &Record {
        &self.shared.record
    }

    pub(super) fn stopping(&self) -> bool {
        self.shared.stop.load(Relaxed)
    }

    /// A number below `bound`. Not for secrets.
    pub(super) const fn roll(&mut self, bound: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % bound
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// Works until it is told to stop.
    pub(super) fn work(&mut self) {
        while !self.stopping() {
            self.step();
            sleep(THINK);
        }
    }

    fn step(&mut self) {
        if self.session.is_none() {
            self.sign_in();
            return;
        }
        match self.roll(100) {
            0..=54 => {
                self.refresh_with_key();
            }
            55..=64 => self.refresh_without_key(),
            65..=66 => self.refresh_twice_at_once(),
            67..=76 => self.me(),
            77..=88 => self.activate(),
            89..=93 => self.assign_role(),
            94..=97 => self.session = None,
            _ => self.new_license(),
        }
    }

    /// One request in the name of the app. `None` when nobody can say what came of it: no answer,
    /// or 502 to 504, which is written down; then it waits a moment.
    pub(super) fn ask(&mut self, path: &str, headers: &str, body: Value) -> Option<Answer> {
        let body = self.shared.app.body(body);
        let began = Instant::now();
        let answer = self.http.post(path, headers, &body);
        self.judge(path, began, answer)
    }

    pub(super) fn judge(
        &self,
        path: &str,
        began: Instant,
        answer: Result<Answer, NoAnswer>,
    ) -> Option<Answer> {
        let record = self.record();
        record.took(began.elapsed());
        match answer {
            Ok(answer) if matches!(answer.status, 502..=504) => {
                record.unavailable(path, &answer);
                sleep(AGAIN);
                None
            }
            Ok(answer) => {
                if answer.is_good() {
                    record.acknowledged();
                }
                Some(answer)
            }
            Err(error) => {
                record.unanswered(&error);
                sleep(AGAIN);
                None
            }
        }
    }

    /// An answer that the protocol does not allow here.
    pub(super) fn protest(&self, what: &str, answer: &Answer) {
        let (status, code) = (answer.status, answer.code());
        let number = self.number;
        self.record()
            .wrong(format!("client {number}: {what}: {status} {code}"));
    }
}
