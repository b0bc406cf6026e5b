//! Signing in by one-time code, and the code's being usable once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::user::{Session, User};
use crate::http::{Answer, Client};

/// A code that is not there by then is lost: nearly as long as it lives. (A node may have died with
/// the message in its hands; another one takes it over when the lease ends, and may die too.)
const MAIL: Duration = Duration::from_secs(280);

impl User {
    /// Signs in as somebody new.
    pub(super) fn sign_in(&mut self) {
        // An address for each attempt, so that each code belongs to one request.
        let (number, count) = (self.number, self.next());
        let email = format!("user{number}-{count}@faults.example.com");
        let asked = json!({ "email": email, "purpose": "LOGIN" });
        let Some(sent) = self.ask("/auth/send-otp", "", asked) else {
            return;
        };
        if !sent.is_good() {
            return self.protest("send-otp", &sent);
        }
        self.record().changed("send-otp", &sent);
        let asked = Instant::now();
        let code = loop {
            let code = self.shared.catcher.take(&email, Duration::from_millis(250));
            if let Some(code) = code {
                break code;
            }
            if self.stopping() {
                return;
            }
            if asked.elapsed() > MAIL {
                let lost = format!("client {number}: an accepted code never came");
                return self.record().lost(lost);
            }
        };
        let body = json!({
            "otp_request_id": sent.text("otp_request_id"), "otp": code, "purpose": "LOGIN",
        });
        if self.roll(4) == 0 {
            self.verify_twice_at_once(&body);
        } else {
            self.verify(&body);
        }
    }

    fn verify(&mut self, body: &Value) {
        let mut unanswered = false;
        let began = Instant::now();
        let answer = loop {
            match self.ask("/auth/verify-otp", "", body.clone()) {
                Some(answer) => break answer,
                // A code lives for five minutes.
                None if began.elapsed() > Duration::from_secs(120) => return,
                None => unanswered = true,
            }
        };
        if answer.is_good() {
            if !unanswered {
                self.record().changed("verify-otp", &answer);
            }
            self.begin(&answer);
            if self.roll(3) == 0 {
                self.verify_again(body);
            }
        } else if !(unanswered && answer.code() == "OTP_ALREADY_USED") {
            self.protest("a right code", &answer);
        }
    }

    /// The code was consumed: it stays so.
    fn verify_again(&mut self, body: &Value) {
        if let Some(answer) = self.ask("/auth/verify-otp", "", body.clone()) {
            if answer.is_good() {
                let number = self.number;
                self.record()
                    .double(format!("client {number}: a code was accepted twice"));
            } else if answer.code() != "OTP_ALREADY_USED" {
                self.protest("a used code", &answer);
            }
        }
    }

    /// Two requests with one code at the same moment: at most one may win.
    fn verify_twice_at_once(&mut self, body: &Value) {
        let answers = self.at_once("/auth/verify-otp", body);
        let good: Vec<&Answer> = answers.iter().filter(|answer| answer.is_good()).collect();
        if good.len() > 1 {
            let number = self.number;
            self.record()
                .double(format!("client {number}: one code made two sessions"));
        }
        if let Some(answer) = good.first() {
            self.begin(answer);
        }
        for answer in answers.iter().filter(|answer| !answer.is_good()) {
            if answer.code() != "OTP_ALREADY_USED" {
                self.protest("one code, twice at once", answer);
            }
        }
    }

    /// Sends one request twice at the same moment, over two connections; gives the answers.
    pub(super) fn at_once(&mut self, path: &str, body: &Value) -> Vec<Answer> {
        let body = self.shared.app.body(body.clone());
        let mut other = Client::new(self.shared.address, self.number);
        let (first, second) = std::thread::scope(|scope| {
            let second = scope.spawn(|| (Instant::now(), other.post(path, "", &body)));
            let first = (Instant::now(), self.http.post(path, "", &body));
            (first, second.join())
        });
        let mut answers = Vec::new();
        answers.extend(self.judge(path, first.0, first.1));
        if let Ok((began, second)) = second {
            answers.extend(self.judge(path, began, second));
        }
        answers
    }

    fn begin(&mut self, answer: &Answer) {
        self.session = Some(Session {
            user_id: answer.text("user_id").to_owned(),
            access: answer.text("access_token").to_owned(),
            token: answer.text("refresh_token").to_owned(),
            spent: None,
            role: None,
            pending: None,
            doubtful: false,
        });
    }
}
