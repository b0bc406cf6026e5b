//! Refreshing in a chain, with answers that get lost, and with each token usable once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::user::User;
use crate::http::Answer;

/// The server keeps an answer for a repeated question for 60 s from the exchange on.
const REPEATABLE: Duration = Duration::from_secs(55);

impl User {
    /// Exchanges the token under an `Idempotency-Key`, repeating the question until it is answered.
    /// `false`: it had to give up, because the question got too old to be repeated.
    pub(super) fn refresh_with_key(&mut self) -> bool {
        self.resolve_doubt();
        let fresh = self.next();
        let number = self.number;
        let Some(session) = &mut self.session else {
            return false;
        };
        let began = session
            .pending
            .get_or_insert_with(|| (format!("key-{number}-{fresh}"), Instant::now()));
        let (key, since) = began.clone();
        let (token, mut attempts) = (session.token.clone(), 0);
        let header = format!("Idempotency-Key: {key}\r\n");
        let answer = loop {
            if since.elapsed() > REPEATABLE {
                self.session = None;
                return false;
            }
            attempts += 1;
            if let Some(answer) = self.ask("/auth/refresh", &header, question(&token)) {
                break answer;
            }
            // Finished when the load has ended.
            if self.stopping() {
                return false;
            }
        };
        if !answer.is_good() {
            self.refused("an acknowledged token, with Idempotency-Key", &answer);
            return false;
        }
        if attempts == 1 && since.elapsed() < Duration::from_secs(1) {
            self.record().changed("refresh", &answer);
        }
        self.advance(&answer);
        if self.roll(10) == 0 {
            self.repeat(&header, &token, &answer);
        }
        true
    }

    /// The same question gets the same answer.
    fn repeat(&mut self, header: &str, token: &str, before: &Answer) {
        let began = Instant::now();
        let Some(again) = self.ask("/auth/refresh", header, question(token)) else {
            return;
        };
        if again.is_good() && again.text("refresh_token") != before.text("refresh_token") {
            let number = self.number;
            self.record()
                .double(format!("client {number}: one question, two successors"));
        } else if !again.is_good() && began.elapsed() < REPEATABLE {
            self.protest("a repeated question", &again);
            self.session = None;
        }
    }

    /// Exchanges the token without a key: an answer that gets lost leaves it in doubt.
    pub(super) fn refresh_without_key(&mut self) {
        if self.session.as_ref().is_some_and(|s| s.pending.is_some()) {
            self.refresh_with_key();
            return;
        }
        let Some(token) = self.session.as_ref().map(|session| session.token.clone()) else {
            return;
        };
        match self.ask("/auth/refresh", "", question(&token)) {
            None => {
                if let Some(session) = &mut self.session {
                    session.doubtful = true;
                }
            }
            Some(answer) if answer.is_good() => {
                if !self.session.as_ref().is_some_and(|s| s.doubtful) {
                    self.record().changed("refresh", &answer);
                }
                self.advance(&answer);
            }
            Some(answer) => {
                let doubtful = self.session.as_ref().is_some_and(|s| s.doubtful);
                // The exchange without an answer had happened: then this was a reuse.
                if doubtful && matches!(answer.code(), "TOKEN_REUSE" | "TOKEN_REVOKED") {
                    self.session = None;
                } else {
                    self.refused("an acknowledged token", &answer);
                }
            }
        }
    }

    fn resolve_doubt(&mut self) {
        while self.session.as_ref().is_some_and(|s| s.doubtful) && !self.stopping() {
            self.refresh_without_key();
        }
    }

    /// Two exchanges of one token at the same moment: at most one may win.
    pub(super) fn refresh_twice_at_once(&mut self) {
        self.resolve_doubt();
        if self
            .session
            .as_ref()
            .is_none_or(|s| s.pending.is_some() || s.doubtful)
        {
            return;
        }
        // Whoever loses ends the session, as a thief would.
        let Some(session) = self.session.take() else {
            return;
        };
        let answers = self.at_once("/auth/refresh", &question(&session.token));
        if answers.iter().filter(|answer| answer.is_good()).count() > 1 {
            let number = self.number;
            self.record()
                .double(format!("client {number}: one token, two successors"));
        }
        for answer in answers.iter().filter(|answer| !answer.is_good()) {
            if !matches!(answer.code(), "TOKEN_REUSE" | "TOKEN_REVOKED") {
                self.protest("one token, twice at once", answer);
            }
        }
    }

    fn advance(&mut self, answer: &Answer) {
        if let Some(session) = &mut self.session {
            let successor = answer.text("refresh_token").to_owned();
            session.spent = Some(std::mem::replace(&mut session.token, successor));
            answer.text("access_token").clone_into(&mut session.access);
            session.pending = None;
            session.doubtful = false;
        }
    }

    /// What was acknowledged is not there. Then perhaps what was spent is there again.
    fn refused(&mut self, what: &str, answer: &Answer) {
        let (number, status, code) = (self.number, answer.status, answer.code());
        self.record()
            .lost(format!("client {number}: {what}: {status} {code}"));
        let session = self.session.take();
        if let Some(spent) = session.and_then(|session| session.spent) {
            self.show_spent(&spent);
        }
    }

    fn show_spent(&mut self, spent: &str) {
        match self.ask("/auth/refresh", "", question(spent)) {
            Some(answer) if answer.is_good() => {
                let number = self.number;
                self.record()
                    .double(format!("client {number}: a spent token was accepted"));
            }
            Some(answer) if matches!(answer.code(), "TOKEN_REUSE" | "TOKEN_REVOKED") => {}
            Some(answer) => self.protest("a spent token", &answer),
            None => {}
        }
    }

    /// After the fault: the chain goes on with what was acknowledged last, and what was spent stays
    /// spent.
    pub(super) fn settle(&mut self) {
        for _ in 0..20 {
            if self.session.as_ref().is_none_or(|s| !s.doubtful) {
                break;
            }
            self.refresh_without_key();
        }
        let goes_on = (0..20).any(|_| self.session.is_none() || self.refresh_with_key());
        if !goes_on {
            let number = self.number;
            self.record()
                .lost(format!("client {number}: no answer, long after the fault"));
            return;
        }
        self.check_role();
        let session = self.session.take();
        if let Some(spent) = session.and_then(|session| session.spent) {
            self.show_spent(&spent);
        }
    }
}

fn question(token: &str) -> Value {
    json!({ "refresh_token": token })
}
