//! PostgreSQL goes away and comes back: restarted, standing still, crashed.

use std::thread::sleep;
use std::time::Duration;

use super::{Plan, ms};
use crate::Result;
use crate::load::Load;
use crate::report::Finding;
use crate::world::deployment::Deployment;
use crate::world::haproxy::Haproxy;
use crate::world::postgres::Postgres;

/// The longest wait for an answer: the server's own bound for a request is 30 s.
const LATE: Duration = Duration::from_secs(32);

pub(super) fn run(plan: &Plan, finding: &mut Finding) -> Result {
    let mut postgres = Postgres::start()?;
    let deployment = Deployment::new(&plan.binary, Some(&postgres.url()))?;
    deployment.cli(&["migrate"])?;
    let app = deployment.app("shop")?;
    let mut nodes = [deployment.node("node1")?, deployment.node("node2")?];
    for node in &mut nodes {
        node.start()?;
    }
    let haproxy = Haproxy::start(deployment.directory.path(), &nodes.each_ref())?;
    let mut load = Load::new(plan.clients(), app, &deployment.catcher, haproxy.address);

    for _ in 0..plan.pick(1, 3) {
        let back = load.during(|| postgres.restart())?;
        finding.did("restarted PostgreSQL");
        finding.slowest("served again after a restart", back.again);
        finding.bound(
            back.again < Duration::from_secs(5),
            format!("after a restart nobody was served for {}", ms(back.again)),
        );
    }
    for seconds in plan.pick(&[6][..], &[5, 12, 20][..]) {
        let back = load.during(|| {
            postgres.pause()?;
            sleep(Duration::from_secs(*seconds));
            postgres.resume()
        })?;
        finding.did(format!("SIGSTOP to PostgreSQL for {seconds} s"));
        finding.slowest("served again after a pause", back.again);
        finding.bound(
            back.again < Duration::from_secs(5),
            format!("after a pause nobody was served for {}", ms(back.again)),
        );
    }
    for _ in 0..plan.pick(1, 5) {
        let back = load.during(|| postgres.crash())?;
        finding.did("kill -9 of every process of PostgreSQL, and a start");
        finding.slowest("served again after a crash", back.again);
        finding.bound(
            back.again < Duration::from_secs(5),
            format!("after a crash nobody was served for {}", ms(back.again)),
        );
    }
    let [first, _] = &nodes;
    finding.take(load.judge(first.operator)?);
    let slowest = finding.slowest;
    finding.bound(slowest < LATE, format!("an answer took {}", ms(slowest)));
    Ok(())
}
