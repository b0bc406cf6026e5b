//! What Linux says about a process: CPU time of its tree, memory.

use std::fs;
use std::time::Duration;

use crate::Result;

/// Ticks per second of the times in `/proc`; fixed for user space on Linux.
const TICKS: u64 = 100;

/// CPU time so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu(u64);

impl Cpu {
    /// Of a process and its living descendants (those that ended count by their parent).
    pub(crate) fn of_tree(root: u32) -> Result<Self> {
        let mut ticks = own_ticks(root)?;
        for child in children(root) {
            // A child may end between being listed and being read.
            ticks += Self::of_tree(child).map_or(0, |cpu| cpu.0);
        }
        Ok(Self(ticks))
    }
}

/// The time from one reading to the next.
pub(crate) fn between(before: Result<Cpu>, after: Result<Cpu>) -> Result<Duration> {
    let (Cpu(before), Cpu(after)) = (before?, after?);
    Ok(Duration::from_millis(
        after.saturating_sub(before) * 1000 / TICKS,
    ))
}

fn own_ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_err(|error| format!("/proc/{pid}/stat: {error} (this needs Linux)"))?;
    // The second field is the program's name in brackets and may contain anything.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    let number = |index: usize| {
        fields
            .get(index)
            .and_then(|field| field.parse::<u64>().ok())
    };
    // utime, stime, and those of children that ended and were waited for.
    [11, 12, 13, 14]
        .into_iter()
        .map(number)
        .sum::<Option<u64>>()
        .ok_or_else(|| format!("/proc/{pid}/stat is not understood"))
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Memory in MB that is in RAM now, and the most there ever was.
pub(crate) fn memory_mb(pid: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| format!("/proc/{pid}/status: {error}"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace()
            .next()?
            .parse::<f64>()
            .ok()
            .map(|kb| kb / 1024.0)
    };
    Ok((
        field("VmRSS:").unwrap_or(f64::NAN),
        field("VmHWM:").unwrap_or(f64::NAN),
    ))
}
