//! SQLite on a disk that is full, and on one that has become read-only.

use std::thread::sleep;
use std::time::Duration;

use super::{Plan, ms};
use crate::Result;
use crate::http::Client;
use crate::load::Load;
use crate::report::Finding;
use crate::world::deployment::Deployment;
use crate::world::disk::Disk;
use crate::world::node::Node;

pub(super) fn run(plan: &Plan, finding: &mut Finding) -> Result {
    let disk = Disk::new()?;
    let database = format!("sqlite:{}", disk.path().join("doorward.db").display());
    let deployment = Deployment::new(&plan.binary, Some(&database))?;
    deployment.cli(&["migrate"])?;
    let app = deployment.app("shop")?;
    let mut node = deployment.node("node1")?;
    node.start()?;
    let mut load = Load::new(plan.clients(), app, &deployment.catcher, node.public);

    let shared = std::sync::Arc::clone(&load.shared);
    for _ in 0..plan.pick(1, 5) {
        let before = shared.record.entries().trouble.clone();
        let done = load.during(|| {
            disk.fill()?;
            sleep(Duration::from_secs(2));
            let keys = keys_are_served(&node);
            disk.clear()?;
            keys
        })?;
        finding.did("filled the disk to the last byte, and made room again");
        finding.bound(
            shared.record.entries().trouble != before,
            "a full disk was not noticed: nothing was tried",
        );
        finding.slowest("served again after there was room", done.again);
        finding.bound(
            done.again < Duration::from_secs(3),
            format!("with room again nobody was served for {}", ms(done.again)),
        );
    }
    for _ in 0..plan.pick(1, 3) {
        let before = shared.record.entries().trouble.clone();
        load.during(|| {
            disk.break_down()?;
            sleep(Duration::from_secs(2));
            keys_are_served(&node)?;
            // Such a disk cannot be written again before it was mounted anew.
            node.kill()?;
            disk.repair()?;
            node.start()
        })?;
        finding.did(
            "made the disk read-only under the running node; then ended the node, repaired and \
             mounted the disk, and started the node",
        );
        finding.bound(
            shared.record.entries().trouble != before,
            "a read-only disk was not noticed: nothing was tried",
        );
    }
    finding.take(load.judge(node.operator)?);
    node.stop().map(drop)
}

/// What needs no disk goes on: other people's verifiers ask for the keys.
fn keys_are_served(node: &Node) -> Result {
    let answer = Client::new(node.public, 0)
        .get("/.well-known/jwks.json", "")
        .map_err(|error| format!("JWKS: {}", error.0))?;
    if answer.status == 200 {
        Ok(())
    } else {
        Err(format!("JWKS while the disk is broken: {}", answer.status))
    }
}
