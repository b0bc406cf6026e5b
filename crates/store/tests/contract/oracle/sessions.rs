//! `rotate_session` yields something exactly when `session::judge` says to rotate.

use doorward_domain::session::{EndReason, Presented, State, Verdict, judge};
use doorward_domain::user::UserStatus;
use doorward_domain::{SessionId, Timestamp, UserId};
use doorward_store::app::{AppWrite, Rotation};
use doorward_testkit::database::TestDatabase;
use proptest::prelude::*;

use super::{Failure, agree, explore};
use crate::support::{at, email, fresh, hash, new_session, new_user, seed_app};

on_both_engines_by_name!(rotation_agrees_with_the_judge);

/// Which token is presented.
#[derive(Debug, Clone, Copy)]
enum Token {
    Current,
    /// One that was current before, if there was one.
    Older(u8),
    OtherNonce,
    /// A generation that is still to come.
    Future,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Rotate(usize, Token),
    Advance(i64),
    End(usize),
    EndAll,
    SetStatus(UserStatus),
    NewEpoch,
    Insert,
}

fn step() -> impl Strategy<Value = Step> {
    let token = prop_oneof![
        6 => Just(Token::Current),
        2 => any::<u8>().prop_map(Token::Older),
        1 => Just(Token::OtherNonce),
        1 => Just(Token::Future),
    ];
    // Times that make sessions end exactly now, a little before and a little after.
    let seconds = prop_oneof![Just(0), Just(1), Just(49), Just(50), Just(99), Just(100)];
    let status = prop_oneof![
        2 => Just(UserStatus::Active),
        1 => Just(UserStatus::Deactivated),
        1 => Just(UserStatus::Deleted),
    ];
    prop_oneof![
        12 => (any::<usize>(), token).prop_map(|(session, token)| Step::Rotate(session, token)),
        4 => seconds.prop_map(Step::Advance),
        1 => any::<usize>().prop_map(Step::End),
        1 => Just(Step::EndAll),
        2 => status.prop_map(Step::SetStatus),
        1 => Just(Step::NewEpoch),
        2 => Just(Step::Insert),
    ]
}

/// A session as the domain would have it.
struct Model {
    id: SessionId,
    state: State,
    idle: Timestamp,
    absolute: Timestamp,
    epoch: i64,
}

struct World {
    user: UserId,
    seconds: i64,
    epoch: i64,
    active: bool,
    sessions: Vec<Model>,
}

async fn rotation_agrees_with_the_judge(db: TestDatabase) {
    let app = seed_app(&db).await;
    explore(
        &db,
        &app,
        prop::collection::vec(step(), 1..40),
        |app, steps| {
            let user = new_user(email(&format!("u{}@example.com", fresh().simple())));
            app.insert_user(&user)?;
            let mut world = World {
                user: user.id,
                seconds: 0,
                epoch: 1,
                active: true,
                sessions: Vec::new(),
            };
            world.insert(app)?;
            for step in steps {
                world.take(app, *step)?;
                world.compare(app)?;
            }
            Ok(())
        },
    )
    .await;
}

impl World {
    fn insert(&mut self, app: &mut AppWrite<'_>) -> Result<(), Failure> {
        let mut new = new_session(self.user);
        new.created_at = at(self.seconds);
        (new.expires_at, new.absolute_expires_at) =
            (at(self.seconds + 100), at(self.seconds + 250));
        new.epoch = self.epoch;
        app.insert_session(&new)?;
        self.sessions.push(Model {
            id: new.id,
            state: State {
                generation: 1,
                nonce_hash: new.nonce_hash,
                ended: false,
                expires_at: new.expires_at,
                user_active: self.active,
            },
            idle: new.expires_at,
            absolute: new.absolute_expires_at,
            epoch: self.epoch,
        });
        Ok(())
    }

    fn take(&mut self, app: &mut AppWrite<'_>, step: Step) -> Result<(), Failure> {
        let now = at(self.seconds);
        let count = self.sessions.len();
        match step {
            Step::Insert => self.insert(app)?,
            Step::Advance(seconds) => self.seconds += seconds,
            Step::NewEpoch => self.epoch += 1,
            Step::Rotate(session, token) => self.rotate(app, session % count, token)?,
            Step::SetStatus(status) => {
                if status == UserStatus::Active {
                    app.restore_user(self.user, now)?;
                }
                app.set_user_status(self.user, status, now)?;
                self.active = status == UserStatus::Active;
            }
            Step::End(session) => {
                let epoch = self.epoch;
                let model = &mut self.sessions[session % count];
                let ended = app.end_session(model.id, EndReason::Logout, now)?.is_some();
                agree("end_session", &ended, &!model.state.ended)?;
                model.state.ended = true;
                model.epoch = epoch;
            }
            Step::EndAll => {
                let live = self.sessions.iter_mut().filter(|model| {
                    !model.state.ended
                        && model.epoch == self.epoch
                        && model.idle.min(model.absolute) > now
                });
                let expected = live.map(|model| model.state.ended = true).count();
                let reason = EndReason::UserRevoked;
                let ended = app.end_user_sessions(self.user, reason, self.epoch, now)?;
                agree("end_user_sessions", &ended.count, &(expected as u64))?;
            }
        }
        Ok(())
    }

    fn rotate(
        &mut self,
        app: &mut AppWrite<'_>,
        session: usize,
        token: Token,
    ) -> Result<(), Failure> {
        let (now, epoch, active) = (at(self.seconds), self.epoch, self.active);
        let model = &mut self.sessions[session];
        let current = model.state.generation;
        let (generation, nonce_hash) = match token {
            Token::Current => (current, model.state.nonce_hash),
            Token::Older(back) => {
                let generation = (current - i64::from(back)).max(1);
                (generation, nonce(generation))
            }
            Token::OtherNonce => (current, hash(0xFF)),
            Token::Future => (current + 1, nonce(current + 1)),
        };
        let presented = Presented {
            session_id: model.id,
            generation,
            nonce_hash,
        };
        let rotation = Rotation {
            presented,
            new_nonce_hash: nonce(current + 1),
            app_version: 1,
            epoch,
            now,
            expires_at: at(self.seconds + 100),
            tenant_id: None,
        };
        let verdict = judge(&model.judged(epoch, active), &presented, now);
        let rotated = app.rotate_session(&rotation)?;
        agree(
            "rotate_session",
            &rotated.is_some(),
            &(verdict == Verdict::Rotate),
        )?;
        if rotated.is_some() {
            model.state.generation += 1;
            model.state.nonce_hash = rotation.new_nonce_hash;
            model.idle = rotation.expires_at.min(model.absolute);
        }
        Ok(())
    }

    /// The rows, after every step, are what the model says.
    fn compare(&self, app: &mut AppWrite<'_>) -> Result<(), Failure> {
        for model in &self.sessions {
            let stored = app
                .session(model.id)?
                .map(|stored| stored.state(self.epoch));
            agree(
                "session",
                &stored,
                &Some(model.judged(self.epoch, self.active)),
            )?;
        }
        Ok(())
    }
}

impl Model {
    fn judged(&self, epoch: i64, user_active: bool) -> State {
        State {
            ended: self.state.ended || self.epoch != epoch,
            expires_at: self.idle.min(self.absolute),
            user_active,
            ..self.state
        }
    }
}

/// The hash of the nonce of a generation: the first one as in the fixture.
fn nonce(generation: i64) -> [u8; 32] {
    hash(u8::try_from(generation).expect("few generations"))
}
