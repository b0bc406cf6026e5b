//! A rolling upgrade from the release before, and back: both work on the new schema, side by side.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{Plan, ms};
use crate::Result;
use crate::load::Load;
use crate::report::Finding;
use crate::world::deployment::Deployment;
use crate::world::haproxy::Haproxy;
use crate::world::postgres::Postgres;

pub(super) fn run(plan: &Plan, finding: &mut Finding) -> Result {
    let previous = plan
        .previous
        .as_ref()
        .ok_or("no binary of the release before")?;
    let postgres = Postgres::start()?;
    // All of it by the program of the release before.
    let old = Deployment::new(previous, Some(&postgres.url()))?;
    old.cli(&["migrate"])?;
    let app = old.app("shop")?;
    let mut nodes = [old.node("node1")?, old.node("node2")?];
    for node in &mut nodes {
        node.start()?;
    }
    let haproxy = Haproxy::start(old.directory.path(), &nodes.each_ref())?;
    let mut load = Load::new(plan.clients(), app, &old.catcher, haproxy.address);
    let together = plan.pick(Duration::from_secs(2), Duration::from_secs(10));

    load.during(|| {
        let status = old.cli_of(&plan.binary, &["migrate"])?;
        finding.did(format!(
            "migrated under load, from the release before: {status}"
        ));
        let applied = status.get("applied_now").and_then(Value::as_array);
        finding.bound(
            applied.is_some_and(|applied| !applied.is_empty()),
            "there was nothing to migrate: it is not the release before (PREVIOUS in \
             xtask/src/faults.rs)",
        );
        sleep(together);
        let mut run_on = |which: usize, binary: &std::path::Path, what: &str| -> Result {
            let node = nodes.get_mut(which).ok_or("no such node")?;
            let down = node.stop()?;
            node.replace(old.serve(binary, node.public.port(), node.operator.port()));
            let up = node.start()?;
            let (name, down, up) = (&node.name, ms(down), ms(up));
            finding.did(format!(
                "{name} runs {what} now (down in {down}, up in {up})"
            ));
            sleep(Duration::from_millis(1_500) + together);
            Ok(())
        };
        run_on(0, &plan.binary, "this release, beside the one before")?;
        run_on(1, &plan.binary, "this release too")?;
        // Something is wrong with it, say: back again.
        run_on(0, previous, "the release before, on this one's schema")?;
        run_on(1, previous, "the release before too")?;
        run_on(0, &plan.binary, "this release again")
    })?;
    let [new, _] = &nodes;
    finding.take(load.judge(new.operator)?);
    let noticed: u64 = finding.trouble.values().sum();
    finding.bound(noticed == 0, format!("clients noticed it {noticed} times"));
    Ok(())
}
