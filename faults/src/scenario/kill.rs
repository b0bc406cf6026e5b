//! kill -9 of a node: what was answered is durable, so nothing is lost but time.

use std::thread::sleep;
use std::time::Duration;

use super::{Plan, ms};
use crate::Result;
use crate::load::Load;
use crate::report::Finding;
use crate::world::deployment::Deployment;
use crate::world::haproxy::Haproxy;
use crate::world::postgres::Postgres;

/// From the start of the program to its first healthy answer: in the long form, and in the short one,
/// which runs on busy machines.
const QUICK: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15));

pub(super) fn sqlite(plan: &Plan, finding: &mut Finding) -> Result {
    let deployment = Deployment::new(&plan.binary, None)?;
    deployment.cli(&["migrate"])?;
    let app = deployment.app("shop")?;
    let mut node = deployment.node("node1")?;
    node.start()?;
    let mut load = Load::new(plan.clients(), app, &deployment.catcher, node.public);
    let kills = plan.pick(10, 100);
    let restarts = load.during(|| {
        let mut restarts = Vec::new();
        for n in 0..kills {
            // At another moment of the work each time.
            sleep(Duration::from_millis(300 + 37 * (n % 7)));
            node.kill()?;
            restarts.push(node.start()?);
        }
        Ok(restarts)
    })?;
    let restarts = restarts.value;
    finding.did(format!(
        "{kills} times kill -9 of the node, and a start at once"
    ));
    judge_restarts(plan, finding, &restarts);
    finding.take(load.judge(node.operator)?);
    node.stop().map(drop)
}

/// The server is right, and its disk forgets a second of its work: the clients must find that.
pub(super) fn forgetful(plan: &Plan, finding: &mut Finding) -> Result {
    let deployment = Deployment::new(&plan.binary, None)?;
    deployment.cli(&["migrate"])?;
    let app = deployment.app("shop")?;
    let mut node = deployment.node("node1")?;
    node.start()?;
    let mut load = Load::new(plan.clients(), app, &deployment.catcher, node.public);
    let database = deployment.directory.path().join("doorward.db");
    let kept = deployment.directory.path().join("kept.db");
    let failed = |error: std::io::Error| format!("copy: {error}");
    load.during(|| {
        // An orderly end leaves everything in one file.
        node.stop()?;
        std::fs::copy(&database, &kept).map_err(failed)?;
        node.start()?;
        sleep(Duration::from_millis(1_500));
        node.stop()?;
        std::fs::copy(&kept, &database).map_err(failed)?;
        node.start().map(drop)
    })?;
    finding.did("took a second of work away from the database");
    finding.take(load.judge(node.operator)?);
    node.stop().map(drop)
}

pub(super) fn postgres(plan: &Plan, finding: &mut Finding) -> Result {
    let postgres = Postgres::start()?;
    let deployment = Deployment::new(&plan.binary, Some(&postgres.url()))?;
    deployment.cli(&["migrate"])?;
    let app = deployment.app("shop")?;
    let mut nodes = [deployment.node("node1")?, deployment.node("node2")?];
    for node in &mut nodes {
        node.start()?;
    }
    let haproxy = Haproxy::start(deployment.directory.path(), &nodes.each_ref())?;
    let mut load = Load::new(plan.clients(), app, &deployment.catcher, haproxy.address);
    let kills = plan.pick(6, 100);
    let restarts = load.during(|| {
        let mut restarts = Vec::new();
        for (n, turn) in (0..kills).zip([0, 1].into_iter().cycle()) {
            sleep(Duration::from_millis(900 + 37 * (n % 7)));
            if let Some(node) = nodes.get_mut(turn) {
                node.kill()?;
                restarts.push(node.start()?);
            }
        }
        Ok(restarts)
    })?;
    let restarts = restarts.value;
    finding.did(format!(
        "{kills} times kill -9 of one of two nodes, in turn, and a start at once"
    ));
    judge_restarts(plan, finding, &restarts);
    let [first, _] = &nodes;
    finding.take(load.judge(first.operator)?);
    finding.bound(
        finding.longest_gap < Duration::from_secs(3),
        "with one node of two alive, nobody was served for 3 seconds",
    );
    Ok(())
}

fn judge_restarts(plan: &Plan, finding: &mut Finding, restarts: &[Duration]) {
    let slowest = restarts.iter().max().copied().unwrap_or_default();
    finding.slowest("from start to healthy after kill -9, at most", slowest);
    let quick = plan.pick(QUICK.1, QUICK.0);
    finding.bound(slowest < quick, format!("a start took {}", ms(slowest)));
}
