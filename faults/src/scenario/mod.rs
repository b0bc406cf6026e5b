//! What is done to the servers, one file for each kind of fault.

mod database;
mod disk;
mod failover;
mod kill;
mod nodes;
mod overload;
mod upgrade;

use std::path::PathBuf;
use std::time::Duration;

use crate::Result;
use crate::report::Finding;
use crate::world::disk::Disk;
use crate::world::process::{find, is_root, postgres_programs};

/// What is to be run, and how long.
pub(crate) struct Plan {
    pub(crate) binary: PathBuf,
    pub(crate) previous: Option<PathBuf>,
    pub(crate) long: bool,
}

impl Plan {
    /// One of two values, by the form of the run.
    pub(crate) fn pick<T>(&self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }

    /// Clients at work.
    pub(crate) fn clients(&self) -> usize {
        self.pick(10, 24)
    }
}

/// A scenario.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What is missing here to run it.
    pub(crate) lacks: fn(&Plan) -> Option<String>,
    pub(crate) run: fn(&Plan, &mut Finding) -> Result,
    /// Must fail, and is run by its name only: a suite that cannot find a loss proves nothing.
    pub(crate) must_fail: bool,
}

/// Every one, in order.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nodes",
        title: "several nodes behind HAProxy: rolling restart, key rotation, changes under load",
        lacks: |_| lacks(&[POSTGRES, HAPROXY]),
        run: nodes::run,
        must_fail: false,
    },
    Scenario {
        name: "database",
        title: "PostgreSQL restarted, paused and crashed under load",
        lacks: |_| lacks(&[POSTGRES, HAPROXY]),
        run: database::run,
        must_fail: false,
    },
    Scenario {
        name: "failover",
        title: "PostgreSQL under Patroni: switchover, kill -9 of the primary, and one that freezes and wakes",
        lacks: |_| lacks(&[POSTGRES, HAPROXY, PATRONI, ETCD]),
        run: failover::run,
        must_fail: false,
    },
    Scenario {
        name: "kill-sqlite",
        title: "kill -9 of the only node, on SQLite",
        lacks: |_| lacks(&[]),
        run: kill::sqlite,
        must_fail: false,
    },
    Scenario {
        name: "kill-postgres",
        title: "kill -9 of one node of two behind HAProxy, on PostgreSQL",
        lacks: |_| lacks(&[POSTGRES, HAPROXY]),
        run: kill::postgres,
        must_fail: false,
    },
    Scenario {
        name: "disk",
        title: "SQLite on a disk that is full, and on one that is read-only",
        lacks: |_| lacks(&[ROOT]).or_else(Disk::lacks),
        run: disk::run,
        must_fail: false,
    },
    Scenario {
        name: "overload",
        title: "ten times more requests than the server can serve",
        lacks: |_| lacks(&[]),
        run: overload::run,
        must_fail: false,
    },
    Scenario {
        name: "upgrade",
        title: "the release before and this one side by side on this one's schema",
        lacks: |plan| match &plan.previous {
            Some(_) => lacks(&[POSTGRES, HAPROXY]),
            None => Some("the binary of the release before (--long builds it)".to_owned()),
        },
        run: upgrade::run,
        must_fail: false,
    },
    Scenario {
        name: "forgetful",
        title: "a disk that forgets; this scenario must fail",
        lacks: |_| lacks(&[]),
        run: kill::forgetful,
        must_fail: true,
    },
];

/// Something that a scenario needs of the machine.
type Need = (fn() -> bool, &'static str);

const POSTGRES: Need = (
    || postgres_programs().is_some(),
    "PostgreSQL (install postgresql)",
);
const HAPROXY: Need = (|| find("haproxy").is_some(), "HAProxy (install haproxy)");
const PATRONI: Need = (|| find("patroni").is_some(), "Patroni (install patroni)");
const ETCD: Need = (|| find("etcd").is_some(), "etcd (install etcd-server)");
const ROOT: Need = (is_root, "a mount of a small disk (run it as root)");
const SETPRIV: Need = (|| find("setpriv").is_some(), "setpriv (install util-linux)");

fn lacks(needs: &[Need]) -> Option<String> {
    let missing: Vec<&str> = needs
        .iter()
        .chain([&SETPRIV])
        .filter(|(is_here, _)| !is_here())
        .map(|(_, name)| *name)
        .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// As people read it.
fn ms(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
