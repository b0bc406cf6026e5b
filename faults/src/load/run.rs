//! Letting the clients work while something happens to the servers, and judging afterwards.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::Duration;

use super::app::App;
use super::audit;
use super::prober::Prober;
use super::user::{Shared, User};
use crate::record::{Entries, Record};
use crate::world::catcher::Catcher;
use crate::{Result, world::process::until};

/// Undisturbed work before a fault and after it.
const AROUND: Duration = Duration::from_millis(700);

/// People who sign in at the same time.
const LANES: usize = 8;

/// Clients with a record.
pub(crate) struct Load {
    pub(crate) shared: Arc<Shared>,
    users: Vec<User>,
}

/// What a load came to.
pub(crate) struct Outcome {
    pub(crate) entries: Entries,
    /// Acknowledged changes whose audit event was looked for.
    pub(crate) audited: usize,
}

/// What came of a fault.
pub(crate) struct During<T> {
    /// What it gave.
    pub(crate) value: T,
    /// From its end until 20 requests more had been carried out.
    pub(crate) again: Duration,
}

impl Load {
    /// That many clients, of one app, at one address.
    pub(crate) fn new(clients: usize, app: App, catcher: &Catcher, address: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            address,
            app,
            catcher: catcher.clone(),
            record: Record::default(),
            stop: AtomicBool::new(false),
        });
        let users = (1..=clients).map(|n| User::new(n, &shared)).collect();
        Self { shared, users }
    }

    /// One more client, that looks at the tokens of one node.
    pub(crate) fn prober(&self, number: usize, node: SocketAddr) -> Result<Prober> {
        Prober::new(User::new(1_000 + number, &self.shared), node)
    }

    /// Signs in that many people; gives their refresh tokens.
    pub(crate) fn sessions(&self, count: usize) -> Result<Vec<String>> {
        let one = |number| {
            let mut user = User::new(10_000 + number, &self.shared);
            (0..20).find_map(|_| {
                user.sign_in();
                user.session.take().map(|session| session.token)
            })
        };
        let all: Option<Vec<String>> = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..LANES)
                .map(|lane| {
                    let numbers = (lane..count).step_by(LANES);
                    scope.spawn(move || numbers.map(one).collect::<Option<Vec<_>>>())
                })
                .collect();
            let joined = lanes.into_iter().map(|lane| lane.join().ok().flatten());
            joined.collect::<Option<Vec<_>>>().map(|all| all.concat())
        });
        all.ok_or_else(|| "somebody could not sign in".to_owned())
    }

    /// The clients work while `fault` happens: once all of them have begun, and until it is over
    /// and they have been acknowledged again for a moment.
    pub(crate) fn during<T>(&mut self, fault: impl FnOnce() -> Result<T>) -> Result<During<T>> {
        let shared = Arc::clone(&self.shared);
        shared.stop.store(false, Relaxed);
        std::thread::scope(|scope| {
            for user in &mut self.users {
                scope.spawn(|| user.work());
            }
            let warm = shared.record.entries().acknowledged + 20;
            let outcome = until("the clients are at work", Duration::from_secs(60), || {
                shared.record.entries().acknowledged >= warm
            })
            .and_then(|_| {
                shared.record.load_begins();
                sleep(AROUND);
                let outcome = fault();
                let goal = shared.record.entries().acknowledged + 20;
                let recovered = until("the clients get on again", Duration::from_secs(60), || {
                    shared.record.entries().acknowledged >= goal
                });
                sleep(AROUND);
                shared.record.load_ends();
                outcome.and_then(|value| recovered.map(|again| During { value, again }))
            });
            shared.stop.store(true, Relaxed);
            outcome
        })
    }

    /// Every client comes back for what it was told.
    pub(crate) fn judge(mut self, operator: SocketAddr) -> Result<Outcome> {
        // What was sent before is answered or given up by now.
        sleep(Duration::from_millis(200));
        for user in &mut self.users {
            user.settle();
        }
        if let Some(user) = self.users.first_mut() {
            user.check_licenses();
        }
        let audited = audit::check(&self.shared, operator)?;
        let entries = std::mem::take(&mut *self.shared.record.entries());
        Ok(Outcome { entries, audited })
    }
}
