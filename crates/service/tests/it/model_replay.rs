//! The real thing held against the rules of the model: random sequences of refreshes with current
//! and old tokens, with and without keys, logouts and time, on both engines.

use std::collections::BTreeMap;

use doorward_domain::Code;
use doorward_domain::secret::SecretText;
use doorward_service::sessions::{self, Tokens};
use doorward_testkit::database::{Engine, TestDatabase, run};
use doorward_testkit::platform::Platform;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::sessions::refresh;

#[derive(Clone, Debug)]
enum Operation {
    /// Refresh with the token `back` generations before the newest known one.
    Refresh {
        back: usize,
        key: Option<u8>,
    },
    Advance(i64),
    Logout,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => (prop_oneof![4 => Just(0usize), 2 => Just(1), 1 => Just(2)], prop::option::of(0u8..3))
            .prop_map(|(back, key)| Operation::Refresh { back, key }),
        2 => prop_oneof![Just(1i64), Just(59), Just(60), Just(86_400 * 31)].prop_map(Operation::Advance),
        1 => Just(Operation::Logout),
    ]
}

/// What the protocol says, in a dozen lines.
#[derive(Default)]
struct Oracle {
    generation: usize,
    ended: bool,
    expires_at: i64,
    now: i64,
    answers: BTreeMap<usize, (u8, i64)>,
}

#[derive(Debug, PartialEq)]
enum Expected {
    Successor(usize),
    Refused(Code),
}

impl Oracle {
    fn refresh(&mut self, generation: usize, key: Option<u8>) -> Expected {
        if self.ended {
            return Expected::Refused(Code::TokenRevoked);
        }
        if self.expires_at <= self.now {
            return Expected::Refused(Code::TokenExpired);
        }
        if generation == self.generation {
            if let Some(key) = key {
                self.answers.insert(generation, (key, self.now + 60));
            }
            self.generation += 1;
            self.expires_at = self.now + 30 * 86_400;
            return Expected::Successor(self.generation);
        }
        match (self.answers.get(&generation), key) {
            (Some((stored, until)), Some(key)) if *stored == key && self.now < *until => {
                Expected::Successor(generation + 1)
            }
            _ => {
                self.ended = true;
                Expected::Refused(Code::TokenReuse)
            }
        }
    }
}

async fn replay(db: TestDatabase, sequences: Vec<Vec<Operation>>) {
    let platform = Platform::start(&db).await;
    let app = platform.app("shop").await;
    let context = platform.authenticate(&app).await;
    for (n, sequence) in sequences.into_iter().enumerate() {
        let (_, first) = platform
            .sign_in(&app, &format!("user{n}@example.com"))
            .await;
        let mut known: Vec<SecretText> = vec![first.refresh_token];
        let mut oracle = Oracle {
            expires_at: 30 * 86_400,
            ..Oracle::default()
        };
        for (step, operation) in sequence.iter().enumerate() {
            match operation {
                Operation::Advance(seconds) => {
                    platform.advance(*seconds);
                    oracle.now += seconds;
                }
                Operation::Logout => {
                    sessions::revoke(&platform.core, &context, &known[0])
                        .await
                        .unwrap();
                    oracle.ended = true;
                }
                Operation::Refresh { back, key } => {
                    let index = known.len().saturating_sub(1 + back);
                    let token = known[index].clone();
                    let name = key.map(|key| format!("key-{key}"));
                    let got = refresh(&platform, &context, &token, name.as_deref()).await;
                    let expected = oracle.refresh(index, *key);
                    check(
                        &mut known,
                        got,
                        &expected,
                        &format!("{n}.{step} of {sequence:?}"),
                    );
                }
            }
        }
    }
}

fn check(
    known: &mut Vec<SecretText>,
    got: doorward_service::Result<Tokens>,
    expected: &Expected,
    place: &str,
) {
    match (got, expected) {
        (Ok(tokens), Expected::Successor(generation)) if *generation == known.len() => {
            known.push(tokens.refresh_token);
        }
        (Ok(tokens), Expected::Successor(generation)) => {
            assert_eq!(
                tokens.refresh_token.expose(),
                known[*generation].expose(),
                "{place}"
            );
        }
        (Err(error), Expected::Refused(code)) => assert_eq!(error.code(), *code, "{place}"),
        (got, expected) => panic!("expected {expected:?}, got {got:?} at {place}"),
    }
}

fn on(engine: Engine, sequences: usize) {
    let mut runner = TestRunner::new(Config::default());
    let strategy = prop::collection::vec(operation(), 1..14);
    let sequences: Vec<_> = (0..sequences)
        .map(|_| {
            strategy
                .new_tree(&mut runner)
                .expect("a sequence")
                .current()
        })
        .collect();
    run(engine, move |db| replay(db, sequences));
}

#[test]
fn sqlite() {
    on(Engine::Sqlite, 60);
}

#[test]
fn postgres() {
    on(Engine::Postgres, 60);
}
