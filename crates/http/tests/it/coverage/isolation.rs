//! What belongs to another app is like what does not exist: for every operation that takes an id or
//! a key, the same answer, after the same time.

use std::time::{Duration, Instant};

use doorward_domain::OsRandom;
use doorward_domain::license::LicenseKey;
use serde_json::Value;
use uuid::Uuid;

use super::{Ask, Case, Foreign, Needs, World};

/// Where the contract itself tells the two apart (product.md: OTP_WRONG_APP).
const TOLD_APART: [&str; 1] = ["POST /auth/verify-otp"];

/// Pairs of requests that are timed, and how often a suspicion is looked at again: a machine that is
/// busy with something else must look guilty each time.
const PAIRS: usize = 40;
const TRIALS: usize = 4;
/// How likely the foreign one of a pair is the slower (or the faster) one before a statistic sees
/// it: 0.5 is a coin.
const SEEN: f64 = 0.8;

impl World {
    /// The same request about things that nobody has.
    fn unknown(&self, ask: &Ask) -> Ask {
        let keep = [self.a.id, self.b.id].map(|id| id.to_string());
        let word = |text: &str| -> String {
            if Uuid::parse_str(text).is_ok() && !keep.contains(&text.to_owned()) {
                doorward_domain::ids::uuid_v4(&OsRandom).to_string()
            } else if text.len() > 20 && LicenseKey::parse(text).is_some() {
                LicenseKey::generate("SHOP", &OsRandom)
                    .expose()
                    .expose()
                    .to_owned()
            } else {
                text.to_owned()
            }
        };
        let (path, query) = ask.path.split_once('?').unwrap_or((&ask.path, ""));
        let path: Vec<String> = path.split('/').map(word).collect();
        let mut out = ask.clone();
        out.path = path.join("/");
        if !query.is_empty() {
            out.path = format!("{}?{query}", out.path);
        }
        if let Some(Value::Object(body)) = &mut out.body {
            for value in body.values_mut() {
                if let Value::String(text) = value {
                    *text = word(text);
                }
            }
        }
        out
    }

    async fn ask_as_b(&self, case: &Case, ask: &Ask) -> (u16, Value, Duration) {
        let started = Instant::now();
        let answer = match case.needs {
            Needs::App => self.front.send(ask.clone().by(&self.b)).await,
            _ => self.front.admin(ask.clone()).await,
        };
        let took = started.elapsed();
        let mut body = answer.json();
        if let Some(body) = body.as_object_mut() {
            body.remove("request_id");
        }
        (answer.status, body, took)
    }

    /// How often the foreign one of a pair took longer.
    async fn slower(&self, case: &Case, foreign: &Ask) -> f64 {
        let mut longer = 0.0;
        for pair in 0..PAIRS {
            let unknown = self.unknown(foreign);
            let (theirs, nobodys) = if pair % 2 == 0 {
                let theirs = self.ask_as_b(case, foreign).await;
                (theirs, self.ask_as_b(case, &unknown).await)
            } else {
                let nobodys = self.ask_as_b(case, &unknown).await;
                (self.ask_as_b(case, foreign).await, nobodys)
            };
            assert_eq!(
                (theirs.0, &theirs.1),
                (nobodys.0, &nobodys.1),
                "{}",
                case.operation
            );
            longer += f64::from(u8::from(theirs.2 > nobodys.2));
        }
        #[expect(clippy::cast_precision_loss, reason = "a few dozen")]
        let pairs = PAIRS as f64;
        longer / pairs
    }

    /// No answer, and no time, tells what another app has.
    pub(super) async fn is_closed_to_b(&self) {
        let mut looked = 0;
        for case in self.cases() {
            if !matches!(case.foreign, Foreign::Refused(..)) || TOLD_APART.contains(&case.operation)
            {
                continue;
            }
            let foreign = case.as_foreign.as_ref().unwrap_or(&case.good).clone();
            let mut seen = Vec::new();
            for _ in 0..TRIALS {
                let slower = self.slower(&case, &foreign).await;
                if slower.max(1.0 - slower) < SEEN {
                    seen.clear();
                    break;
                }
                seen.push(slower);
            }
            assert!(seen.is_empty(), "{}: time tells: {seen:?}", case.operation);
            looked += 1;
        }
        assert!(looked > 20, "only {looked} operations were looked at");
    }
}
