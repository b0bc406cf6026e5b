//! Load: a number of threads that each repeat an operation for a while.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::process::Cpu;
use crate::{Result, process};

/// What one pass of one operation came to.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) operations: usize,
    pub(crate) wall: Duration,
    /// CPU time of the server's process tree.
    pub(crate) cpu: Duration,
    /// Sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.operations as f64 / self.wall.as_secs_f64()
    }

    /// Milliseconds of CPU per operation.
    pub(crate) fn cpu_ms(&self) -> f64 {
        self.cpu.as_secs_f64() * 1000.0 / self.operations.max(1) as f64
    }

    /// Latency in milliseconds that `share` of the operations stayed below.
    pub(crate) fn latency_ms(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.latencies
            .get(index)
            .map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// One thread's part of a load: `step` does one operation, `Ok(false)` says that there is no more.
pub(crate) trait Worker: Send {
    fn step(&mut self) -> Result<bool>;
}

/// Runs all workers at once until `span` is over or there is no more to do.
pub(crate) fn run<W: Worker>(workers: &mut [W], server: u32, span: Duration) -> Result<Measured> {
    let start = Barrier::new(workers.len() + 1);
    let (outcomes, wall, cpu) = std::thread::scope(|scope| {
        let threads: Vec<_> = workers
            .iter_mut()
            .map(|worker| scope.spawn(|| repeat(worker, &start, span)))
            .collect();
        let before = Cpu::of_tree(server);
        start.wait();
        let began = Instant::now();
        let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        (
            outcomes,
            began.elapsed(),
            process::between(before, Cpu::of_tree(server)),
        )
    });
    let mut latencies = Vec::new();
    for outcome in outcomes {
        latencies.extend(outcome.map_err(|_| "a worker panicked".to_owned())??);
    }
    latencies.sort_unstable();
    Ok(Measured {
        operations: latencies.len(),
        wall,
        cpu: cpu?,
        latencies,
    })
}

fn repeat(worker: &mut impl Worker, start: &Barrier, span: Duration) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(4096);
    start.wait();
    let began = Instant::now();
    while began.elapsed() < span {
        let sent = Instant::now();
        if !worker.step()? {
            break;
        }
        latencies.push(sent.elapsed());
    }
    Ok(latencies)
}
