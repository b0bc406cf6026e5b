//! A code is consumed, or a wrong attempt counted, exactly when `otp::refusal` has nothing against it.

use doorward_domain::OtpRequestId;
use doorward_domain::otp::{Purpose, Standing, refusal};
use doorward_store::app::{AppWrite, FailedAttempt};
use doorward_testkit::database::TestDatabase;
use proptest::prelude::*;

use super::{Failure, agree, explore};
use crate::support::{at, email, fresh, hash, new_otp, seed_app};

on_both_engines_by_name!(attempts_agree_with_the_refusal);

#[derive(Debug, Clone, Copy)]
enum Step {
    Send(usize, Purpose, i64),
    Try {
        request: usize,
        purpose: Purpose,
        right: bool,
    },
    Advance(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let purpose = prop_oneof![3 => Just(Purpose::Login), 1 => Just(Purpose::EmailVerify)];
    let send = (0..2_usize, purpose.clone(), 1..=4_i64);
    let attempt = (any::<usize>(), purpose, prop::bool::weighted(0.25));
    let seconds = prop_oneof![Just(0), Just(1), Just(149), Just(150), Just(300)];
    prop_oneof![
        2 => send.prop_map(|(contact, purpose, max)| Step::Send(contact, purpose, max)),
        8 => attempt.prop_map(|(request, purpose, right)| Step::Try { request, purpose, right }),
        1 => seconds.prop_map(Step::Advance),
    ]
}

/// A request as the domain would have it.
struct Model {
    id: OtpRequestId,
    contact: usize,
    standing: Standing,
    attempts: i64,
    max_attempts: i64,
}

struct World {
    addresses: [String; 2],
    seconds: i64,
    requests: Vec<Model>,
}

async fn attempts_agree_with_the_refusal(db: TestDatabase) {
    let app = seed_app(&db).await;
    explore(
        &db,
        &app,
        prop::collection::vec(step(), 1..40),
        |app, steps| {
            let mut world = World {
                addresses: [(); 2].map(|()| format!("u{}@example.com", fresh().simple())),
                seconds: 0,
                requests: Vec::new(),
            };
            world.take(app, Step::Send(0, Purpose::Login, 3))?;
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
    fn take(&mut self, app: &mut AppWrite<'_>, step: Step) -> Result<(), Failure> {
        match step {
            Step::Advance(seconds) => self.seconds += seconds,
            Step::Send(contact, purpose, max_attempts) => {
                let mut new = new_otp(email(&self.addresses[contact]));
                (new.purpose, new.max_attempts) = (purpose, max_attempts);
                (new.created_at, new.expires_at) = (at(self.seconds), at(self.seconds + 300));
                app.insert_otp_request(&new)?;
                for older in &mut self.requests {
                    let same = older.contact == contact && older.standing.purpose == purpose;
                    older.standing.voided |= same && !older.standing.used;
                }
                self.requests.push(Model {
                    id: new.id,
                    contact,
                    standing: Standing {
                        used: false,
                        locked: false,
                        voided: false,
                        expires_at: new.expires_at,
                        purpose,
                    },
                    attempts: 0,
                    max_attempts,
                });
            }
            Step::Try {
                request,
                purpose,
                right,
            } => self.attempt(app, request, purpose, right)?,
        }
        Ok(())
    }

    /// As the use case does it: consume, and count where nothing was consumed.
    fn attempt(
        &mut self,
        app: &mut AppWrite<'_>,
        request: usize,
        purpose: Purpose,
        right: bool,
    ) -> Result<(), Failure> {
        let (now, count) = (at(self.seconds), self.requests.len());
        let model = &mut self.requests[request % count];
        let live = refusal(&model.standing, purpose, now).is_none();
        let code = [hash(if right { 9 } else { 8 }); 2];
        let consumed = app.consume_otp(model.id, purpose, &code, now)?.is_some();
        agree("consume_otp", &consumed, &(live && right))?;
        if consumed {
            model.standing.used = true;
        }
        let counted = app.count_wrong_otp(model.id, purpose, &code, now)?;
        let expected = (live && !right).then(|| FailedAttempt {
            attempts: model.attempts + 1,
            locked: model.attempts + 1 >= model.max_attempts,
            contact: self.addresses[model.contact].clone(),
        });
        agree("count_wrong_otp", &counted, &expected)?;
        if let Some(failed) = counted {
            model.attempts = failed.attempts;
            model.standing.locked = failed.locked;
        }
        Ok(())
    }

    /// The rows, after every step, are what the model says.
    fn compare(&self, app: &mut AppWrite<'_>) -> Result<(), Failure> {
        for model in &self.requests {
            let stored = app.otp_standing(model.id)?.map(|stored| stored.standing);
            agree("otp_standing", &stored, &Some(model.standing))?;
        }
        Ok(())
    }
}
