//! The primary changes: in an orderly way, because its machine dies, and because it freezes.

use std::time::Duration;

use super::{Plan, ms};
use crate::Result;
use crate::load::Load;
use crate::report::Finding;
use crate::world::cluster::{Cluster, TTL};
use crate::world::deployment::Deployment;
use crate::world::haproxy::Haproxy;

/// Longest time without service once there is a primary again.
const AGAIN: Duration = Duration::from_secs(8);

pub(super) fn run(plan: &Plan, finding: &mut Finding) -> Result {
    let mut cluster = Cluster::start()?;
    let deployment = Deployment::new(&plan.binary, Some(&cluster.url()))?;
    deployment.cli(&["migrate"])?;
    let app = deployment.app("shop")?;
    let mut nodes = [deployment.node("node1")?, deployment.node("node2")?];
    for node in &mut nodes {
        node.start()?;
    }
    let haproxy = Haproxy::start(deployment.directory.path(), &nodes.each_ref())?;
    let mut load = Load::new(plan.clients(), app, &deployment.catcher, haproxy.address);
    finding.did(format!(
        "three members under Patroni (etcd, v2 protocol), synchronous_mode on, ttl {TTL} s, no \
         watchdog; all three in the URL"
    ));

    for _ in 0..plan.pick(1, 5) {
        let done = load.during(|| cluster.switch_over())?;
        finding.did(format!("switchover; Patroni took {}", ms(done.value)));
        again(finding, "served again after a switchover", done.again);
        cluster.wait_until_whole(Duration::from_secs(90))?;
    }
    for _ in 0..plan.pick(1, 5) {
        let done = load.during(|| {
            let dead = cluster.kill_primary()?;
            cluster.wait_for_another(&dead)?;
            Ok(dead)
        })?;
        finding.did("kill -9 of the primary and of its Patroni; another one took over");
        again(
            finding,
            "served again after kill -9 of the primary",
            done.again,
        );
        cluster.revive(&done.value)?;
        cluster.wait_until_whole(Duration::from_secs(90))?;
    }
    for _ in 0..plan.pick(0, 3) {
        let done = load.during(|| {
            let frozen = cluster.freeze_primary()?;
            cluster.wait_for_another(&frozen)?;
            Ok(frozen)
        })?;
        finding.did("froze the primary and its Patroni; another one took over");
        again(finding, "served again after the primary froze", done.again);
        // It wakes up under load: what it thinks it is must do no harm.
        let frozen = done.value;
        load.during(|| cluster.wake(&frozen))?;
        finding.did("woke it up");
        cluster.wait_until_whole(Duration::from_secs(90))?;
    }
    let [first, _] = &nodes;
    finding.take(load.judge(first.operator)?);
    Ok(())
}

fn again(finding: &mut Finding, name: &str, took: Duration) {
    finding.slowest(&format!("{name} and a new primary"), took);
    finding.bound(took < AGAIN, format!("{name}: {}", ms(took)));
}
