//! A model of the refresh protocol, explored exhaustively.
//!
//! One session; an honest client that works serially and retries with the same `Idempotency-Key`
//! until it has an answer; a second device of the same person that shares nothing but can sign the
//! session out; a thief who may copy the honest client's token (and, in one configuration, the
//! key beside it) at any moment. Requests are delayed, answers are lost. The server's decision is
//! not modelled but called: `doorward_domain::session::judge`.
//!
//! Assumption, stated in ADR 0002: no request stays in the network longer than the minute for which
//! an answer is kept.

use std::collections::{BTreeMap, BTreeSet};

use doorward_domain::session::{Presented, State as Stored, Verdict, judge};
use doorward_domain::{SessionId, Timestamp};
use stateright::{Checker, Model, Property};

/// A token: which generation, and which of the nonces ever made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Token {
    generation: u8,
    nonce: u8,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Who {
    Honest,
    Thief,
}

/// A request under way. The key is a number; the honest client takes a new one for every token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Request {
    who: Who,
    token: Token,
    key: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Answer {
    Tokens(Token),
    Reuse,
    Revoked,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    // The server's row and its stored answers.
    current: Token,
    ended: bool,
    replays: BTreeMap<u8, (Option<u8>, Token, Token)>,
    nonces: u8,
    // The honest client.
    honest: Option<Token>,
    pending: bool,
    // The thief.
    stolen: BTreeSet<Token>,
    stolen_keys: BTreeSet<u8>,
    // The network.
    requests: BTreeSet<Request>,
    answers: BTreeSet<(Who, Token, Answer)>,
    /// How often the thief may still try: bounds the exploration.
    thief_tries: u8,
    // What has happened, for the properties.
    minted: BTreeMap<u8, u8>,
    logged_out: bool,
    thief_rotated: bool,
    honest_judged_since: bool,
    honest_thrown_out: bool,
    honest_used: bool,
    thief_answered: bool,
    replayed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    HonestSends,
    Steal,
    ThiefSends(Token, Option<u8>),
    Process(Request),
    Deliver(Who, Token, Answer),
    LoseAnswer(Who, Token, Answer),
    Forget(u8),
    Logout,
}

struct Protocol {
    thief: bool,
    thief_takes_keys: bool,
    honest_sends_keys: bool,
    logout: bool,
    generations: u8,
    thief_tries: u8,
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn nonce_hash(token: Token) -> [u8; 32] {
    [token.nonce; 32]
}

impl Protocol {
    /// The honest client's key for a token.
    fn key_of(&self, token: Token) -> Option<u8> {
        self.honest_sends_keys.then_some(token.nonce)
    }

    /// The server's transaction: the conditional UPDATE, or the explanation of why it did nothing.
    fn process(world: &mut World, request: Request) -> (Answer, bool) {
        let state = Stored {
            generation: i64::from(world.current.generation),
            nonce_hash: nonce_hash(world.current),
            ended: world.ended,
            expires_at: Timestamp::MAX,
            user_active: true,
        };
        let presented = Presented {
            session_id: SessionId::from_uuid(uuid::Uuid::nil()),
            generation: i64::from(request.token.generation),
            nonce_hash: nonce_hash(request.token),
        };
        match judge(&state, &presented, NOW) {
            Verdict::Rotate => {
                world.nonces += 1;
                let successor = Token {
                    generation: world.current.generation + 1,
                    nonce: world.nonces,
                };
                if request.key.is_some() {
                    let row = (request.key, request.token, successor);
                    world.replays.insert(request.token.generation, row);
                }
                world.current = successor;
                *world.minted.entry(successor.generation).or_default() += 1;
                (Answer::Tokens(successor), false)
            }
            Verdict::Reuse => {
                let stored = world.replays.get(&request.token.generation).copied();
                match stored {
                    Some((key, token, successor))
                        if request.key.is_some()
                            && key == request.key
                            && token == request.token =>
                    {
                        (Answer::Tokens(successor), true)
                    }
                    _ => {
                        world.ended = true;
                        (Answer::Reuse, false)
                    }
                }
            }
            Verdict::Refuse(_) => (Answer::Revoked, false),
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let first = Token {
            generation: 1,
            nonce: 0,
        };
        vec![World {
            current: first,
            ended: false,
            replays: BTreeMap::new(),
            nonces: 0,
            honest: Some(first),
            pending: false,
            stolen: BTreeSet::new(),
            stolen_keys: BTreeSet::new(),
            requests: BTreeSet::new(),
            answers: BTreeSet::new(),
            thief_tries: self.thief_tries,
            minted: BTreeMap::from([(1, 1)]),
            logged_out: false,
            thief_rotated: false,
            honest_judged_since: false,
            honest_thrown_out: false,
            honest_used: false,
            thief_answered: false,
            replayed: false,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        // Sends, or (while it has no answer) sends the same again.
        if let Some(token) = world.honest
            && token.generation < self.generations
        {
            let request = Request {
                who: Who::Honest,
                token,
                key: self.key_of(token),
            };
            if !world.requests.contains(&request) && (!world.pending || self.honest_sends_keys) {
                steps.push(Step::HonestSends);
            }
        }
        if self.thief {
            if world
                .honest
                .is_some_and(|token| !world.stolen.contains(&token))
            {
                steps.push(Step::Steal);
            }
            for token in &world.stolen {
                if world.thief_tries > 0 && token.generation < self.generations {
                    if !self.thief_takes_keys {
                        steps.push(Step::ThiefSends(*token, None));
                    }
                    // A key of the thief's own.
                    steps.push(Step::ThiefSends(*token, Some(200)));
                    if world.stolen_keys.contains(&token.nonce) {
                        steps.push(Step::ThiefSends(*token, Some(token.nonce)));
                    }
                }
            }
        }
        steps.extend(world.requests.iter().map(|request| Step::Process(*request)));
        for (who, token, answer) in &world.answers {
            steps.push(Step::Deliver(*who, *token, *answer));
            // A thief who loses an answer only knows less: nothing new can come of it.
            if *who == Who::Honest {
                steps.push(Step::LoseAnswer(*who, *token, *answer));
            }
        }
        for generation in world.replays.keys() {
            // A minute has passed: by assumption nothing of that time is under way any more.
            let under_way = world
                .requests
                .iter()
                .any(|r| r.token.generation == *generation)
                || world
                    .answers
                    .iter()
                    .any(|(_, token, _)| token.generation == *generation)
                || (world.pending && world.honest.is_some_and(|t| t.generation == *generation));
            if !under_way {
                steps.push(Step::Forget(*generation));
            }
        }
        if self.logout && !world.logged_out {
            steps.push(Step::Logout);
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        match step {
            Step::HonestSends => {
                let token = world.honest?;
                world.pending = true;
                world.requests.insert(Request {
                    who: Who::Honest,
                    token,
                    key: self.key_of(token),
                });
            }
            Step::Steal => {
                let token = world.honest?;
                world.stolen.insert(token);
                if self.thief_takes_keys {
                    world.stolen_keys.insert(token.nonce);
                }
            }
            Step::ThiefSends(token, key) => {
                world.thief_tries = world.thief_tries.checked_sub(1)?;
                if !world.requests.insert(Request {
                    who: Who::Thief,
                    token,
                    key,
                }) {
                    return None;
                }
            }
            Step::Process(request) => {
                world.requests.remove(&request);
                let (answer, replay) = Self::process(&mut world, request);
                world.replayed |= replay;
                match request.who {
                    Who::Thief => {
                        if let Answer::Tokens(_) = answer
                            && !replay
                        {
                            world.thief_rotated = true;
                            world.honest_judged_since = false;
                        }
                    }
                    Who::Honest => {
                        world.honest_judged_since |= !replay;
                        world.honest_used |= matches!(answer, Answer::Tokens(_));
                    }
                }
                if request.who == Who::Honest || matches!(answer, Answer::Tokens(_)) {
                    world.answers.insert((request.who, request.token, answer));
                }
            }
            Step::Deliver(who, token, answer) => {
                world.answers.remove(&(who, token, answer));
                match (who, answer) {
                    (Who::Honest, Answer::Tokens(successor)) => {
                        // An answer to an earlier question is ignored.
                        if world.honest == Some(token) {
                            world.honest = Some(successor);
                            world.pending = false;
                        }
                    }
                    (Who::Honest, Answer::Reuse | Answer::Revoked) => {
                        if world.honest == Some(token) {
                            world.honest = None;
                            world.pending = false;
                            world.honest_thrown_out = true;
                        }
                    }
                    (Who::Thief, Answer::Tokens(successor)) => {
                        world.stolen.insert(successor);
                        world.thief_answered = true;
                    }
                    (Who::Thief, _) => {}
                }
            }
            Step::LoseAnswer(who, token, answer) => {
                world.answers.remove(&(who, token, answer));
            }
            Step::Forget(generation) => {
                world.replays.remove(&generation);
            }
            Step::Logout => {
                world.ended = true;
                world.logged_out = true;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always("never two successors of one token", |_, world: &World| {
                world.minted.values().all(|count| *count == 1)
            }),
            Property::always(
                "a thief's use is detected at the next honest use",
                |protocol: &Protocol, world: &World| {
                    protocol.thief_takes_keys
                        || !(world.thief_rotated && world.honest_judged_since)
                        || world.ended
                },
            ),
            // Who copies the key as well can ask for the stored answer, and then holds what the
            // honest client holds (or is about to be told): the next use of it by both is a reuse.
            Property::always(
                "who holds a key too never holds more than the honest client",
                |_, world: &World| {
                    !(world.thief_rotated && world.honest_judged_since)
                        || world.ended
                        || !world.stolen.contains(&world.current)
                        || world.honest == Some(world.current)
                        || world.pending
                },
            ),
            Property::always("an ended session stays ended", |_, world: &World| {
                !world.logged_out || world.ended
            }),
            Property::sometimes("the honest client gets through", |_, world: &World| {
                world.honest_used
            }),
        ];
        if !self.thief && self.honest_sends_keys {
            properties.push(Property::always(
                "an honest client that sends keys is never thrown out",
                |_, world: &World| !world.honest_thrown_out || world.logged_out,
            ));
            properties.push(Property::sometimes(
                "an answer is given twice",
                |_, world: &World| world.replayed,
            ));
        }
        if self.thief {
            properties.push(Property::sometimes(
                "the thief gets tokens",
                |_, world: &World| world.thief_answered,
            ));
            properties.push(Property::sometimes(
                "the thief is found out",
                |_, world: &World| world.thief_rotated && world.ended && !world.logged_out,
            ));
        }
        properties
    }
}

fn explore(name: &str, protocol: Protocol) {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    println!(
        "{name}: {} states, {} unique",
        checker.state_count(),
        checker.unique_state_count()
    );
    checker.assert_properties();
    assert!(checker.is_done(), "every order was explored");
}

#[test]
fn honest_client_with_keys() {
    explore(
        "honest, with keys",
        Protocol {
            thief: false,
            thief_takes_keys: false,
            honest_sends_keys: true,
            logout: true,
            generations: 5,
            thief_tries: 0,
        },
    );
}

#[test]
fn thief_without_keys() {
    explore(
        "thief",
        Protocol {
            thief: true,
            thief_takes_keys: false,
            honest_sends_keys: true,
            logout: true,
            generations: 3,
            thief_tries: 2,
        },
    );
}

#[test]
fn thief_with_keys() {
    explore(
        "thief who sees the keys too",
        Protocol {
            thief: true,
            thief_takes_keys: true,
            honest_sends_keys: true,
            logout: false,
            generations: 3,
            thief_tries: 2,
        },
    );
}

#[test]
fn strict_client_and_thief() {
    explore(
        "no keys at all",
        Protocol {
            thief: true,
            thief_takes_keys: false,
            honest_sends_keys: false,
            logout: true,
            generations: 3,
            thief_tries: 2,
        },
    );
}
