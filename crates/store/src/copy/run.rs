//! The copy itself.

use aws_lc_rs::digest;

use super::cell::encoded;
use super::compare::{self, Report};
use super::{CopyError, End, Phase, Place, Plan, Progress, Step, Tell};
use crate::MIGRATIONS;

/// Copies, or goes on, and compares.
pub(super) fn copy(from: &Place, to: &Place, mut tell: Tell) -> Result<Report, CopyError> {
    let plan = Plan::of_this_program()?;
    let mut source = open_source(from, &plan)?;
    let ignored = plan.fits(source.as_mut(), "source")?;
    source.snapshot()?;
    let identity = identity(source.as_mut(), &plan)?;
    let mut target = to.open()?;
    let marker = match target.marker()? {
        Some(marker) if marker.source == identity => {
            plan.fits(target.as_mut(), "target")?;
            marker
        }
        Some(_) => {
            return Err(CopyError::Refused(
                "the target holds an unfinished copy of another source, or the source's signing \
                 keys have changed since: empty the target and begin again"
                    .to_owned(),
            ));
        }
        None => {
            to.migrate()?;
            plan.fits(target.as_mut(), "target")?;
            ensure_empty(target.as_mut(), &plan)?;
            let seeded: Vec<_> = plan.tables.iter().filter(|table| table.seeds > 0).collect();
            target.begin(&identity, &seeded)?;
            super::Marker::default()
        }
    };
    let mut total = 0;
    for table in &plan.tables {
        total += source.count(table)?;
    }
    let mut done: u64 = marker.tables.values().map(|reached| reached.rows).sum();
    for table in &plan.tables {
        let mut reached = marker.tables.get(&table.name).cloned().unwrap_or_default();
        loop {
            tell(Progress {
                phase: Phase::Copying,
                done,
                total,
                table: table.name.clone(),
            });
            let rows = source.page(table, reached.key.as_deref())?;
            let Some(last) = rows.last() else { break };
            let key = table.key_of(last);
            let count = u64::try_from(rows.len()).unwrap_or(0);
            let step = Step {
                before: reached.rows,
                after: reached.rows + count,
                key: encoded(&key),
            };
            if !target.put(table, &rows, &step)? {
                return Err(CopyError::Refused(
                    "another copy is writing to this target: let it finish".to_owned(),
                ));
            }
            (reached.key, reached.rows) = (Some(key), step.after);
            done += count;
        }
    }
    // What has changed in the source since the copy began shows in the comparison.
    source.release()?;
    let report = both(source.as_mut(), target.as_mut(), &plan, ignored, &mut tell)?;
    if report.equal {
        target.finish()?;
    }
    Ok(report)
}

/// Compares.
pub(super) fn compare_only(from: &Place, to: &Place, mut tell: Tell) -> Result<Report, CopyError> {
    let plan = Plan::of_this_program()?;
    let mut source = open_source(from, &plan)?;
    let ignored = plan.fits(source.as_mut(), "source")?;
    let mut target = to.open()?;
    plan.fits(target.as_mut(), "target")?;
    both(source.as_mut(), target.as_mut(), &plan, ignored, &mut tell)
}

fn both(
    source: &mut dyn End,
    target: &mut dyn End,
    plan: &Plan,
    ignored: Vec<String>,
    tell: &mut Tell,
) -> Result<Report, CopyError> {
    source.snapshot()?;
    target.snapshot()?;
    let report = compare::compare(source, target, plan, ignored, tell);
    source.release()?;
    target.release()?;
    report
}

fn open_source(from: &Place, plan: &Plan) -> Result<Box<dyn End>, CopyError> {
    let latest = MIGRATIONS.last().map_or(0, |migration| migration.version);
    let current = from.version()?;
    if current != latest {
        return Err(CopyError::Refused(format!(
            "the source has schema version {current}, this program copies {latest}: run `doorward \
             migrate` on it first, or the doorward that fits"
        )));
    }
    let mut source = from.open()?;
    plan.fits(source.as_mut(), "source")?;
    Ok(source)
}

/// Which deployment it is: the names of its signing keys are nobody else's.
fn identity(source: &mut dyn End, plan: &Plan) -> Result<Vec<u8>, CopyError> {
    let mut context = digest::Context::new(&digest::SHA256);
    let keys = plan
        .tables
        .iter()
        .find(|table| table.name == "signing_keys");
    if let Some(table) = keys {
        for row in source.page(table, None)? {
            context.update(&encoded(&table.key_of(&row)));
        }
    }
    Ok(context.finish().as_ref().to_vec())
}

fn ensure_empty(target: &mut dyn End, plan: &Plan) -> Result<(), CopyError> {
    for table in &plan.tables {
        if target.count(table)? > table.seeds {
            return Err(CopyError::Refused(format!(
                "the target is not empty: its table {} has rows. A copy needs a database of its own",
                table.name
            )));
        }
    }
    Ok(())
}
