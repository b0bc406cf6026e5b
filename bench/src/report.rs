//! The result: a table for people, JSON for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Result;
use crate::load::Measured;
use crate::scenario::{Plan, Results};

/// Prints it and writes `report.md` and `report.json`.
pub(crate) fn publish(plan: &Plan<'_>, results: &[Results], out: &Path) -> Result {
    fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let page = page(plan, results);
    println!("{page}");
    fs::write(out.join("report.md"), page).map_err(|error| format!("report.md: {error}"))?;
    let mut text = serde_json::to_string_pretty(&document(plan, results))
        .map_err(|error| format!("report.json: {error}"))?;
    text.push('\n');
    fs::write(out.join("report.json"), text).map_err(|error| format!("report.json: {error}"))
}

/// The middle one; of an even number, the mean of the two.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 {
        at(half)
    } else {
        f64::midpoint(at(half.wrapping_sub(1)), at(half))
    }
}

/// One operation in numbers: medians over the passes, each ratio within its own pass.
struct Row {
    per_second: f64,
    cpu_ms: f64,
    ratio_alone: f64,
    ratio_busy: f64,
    p50: f64,
    p99: f64,
}

impl Row {
    fn of(result: &Results, passes: &[Measured]) -> Self {
        let pairs = || passes.iter().zip(&result.signatures);
        Self {
            per_second: median(passes.iter().map(Measured::per_second)),
            cpu_ms: median(passes.iter().map(Measured::cpu_ms)),
            ratio_alone: median(pairs().map(|(pass, cost)| pass.cpu_ms() / cost.alone)),
            ratio_busy: median(pairs().map(|(pass, cost)| pass.cpu_ms() / cost.busy)),
            p50: median(passes.iter().map(|pass| pass.latency_ms(0.50))),
            p99: median(passes.iter().map(|pass| pass.latency_ms(0.99))),
        }
    }
}

fn signature(result: &Results) -> (f64, f64) {
    (
        median(result.signatures.iter().map(|cost| cost.alone)),
        median(result.signatures.iter().map(|cost| cost.busy)),
    )
}

/// Of a duration.
pub(crate) fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// For people.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim());
    format!("{cores} cores, {model}")
}

fn page(plan: &Plan<'_>, results: &[Results]) -> String {
    let mut page = format!(
        "<!-- Made by `cargo xtask bench`. Do not edit. -->\n\n# Benchmark\n\n\
        {}. {} connections, {} passes of {:.1} s per operation; load tool and server share the \
        machine. CPU is the server's own process tree. S is one bare RSA-2048 signature by \
        aws-lc-rs, measured in alternation with the load: *alone* on an idle machine, *busy* with \
        every core signing, which is nearer to what it costs under load. Medians over the passes. \
        Compare ratios between runs, never times.\n",
        machine(),
        plan.concurrency,
        plan.passes,
        plan.span.as_secs_f64(),
    );
    for result in results {
        let (alone, busy) = signature(result);
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\n## {}\n\nS alone {alone:.3} ms, busy {busy:.3} ms.\n\n\
            | operation | per second | CPU ms | ÷ S alone | ÷ S busy | p50 ms | p99 ms |\n\
            |---|---|---|---|---|---|---|\n",
            result.engine
        );
        for (name, passes) in &result.operations {
            let row = Row::of(result, passes);
            let _ = writeln!(
                page,
                "| {name} | {:.0} | {:.3} | {:.2} | {:.2} | {:.2} | {:.2} |",
                row.per_second, row.cpu_ms, row.ratio_alone, row.ratio_busy, row.p50, row.p99
            );
        }
        let _ = writeln!(
            page,
            "\nMemory: idle {:.1} MB, after the load {:.1} MB, at most {:.1} MB. Start to the first \
            200 of `/health`: first start with key generation {:.0} ms, later ones {:.0} ms.",
            result.idle_mb,
            result.loaded_mb,
            result.peak_mb,
            millis(result.first_start),
            millis(result.cold_start)
        );
    }
    page
}

fn document(plan: &Plan<'_>, results: &[Results]) -> Value {
    let engines: Vec<Value> = results
        .iter()
        .map(|result| {
            let (alone, busy) = signature(result);
            let operations: Vec<Value> = result
                .operations
                .iter()
                .map(|(name, passes)| {
                    let row = Row::of(result, passes);
                    json!({
                        "operation": name,
                        "per_second": row.per_second,
                        "cpu_ms": row.cpu_ms,
                        "ratio_to_signature_alone": row.ratio_alone,
                        "ratio_to_signature_busy": row.ratio_busy,
                        "p50_ms": row.p50,
                        "p99_ms": row.p99,
                    })
                })
                .collect();
            json!({
                "engine": result.engine,
                "signature_ms": { "alone": alone, "busy": busy },
                "operations": operations,
                "memory_mb": {
                    "idle": result.idle_mb, "loaded": result.loaded_mb, "peak": result.peak_mb
                },
                "start_ms": {
                    "first": millis(result.first_start), "cold": millis(result.cold_start)
                },
            })
        })
        .collect();
    json!({
        "machine": machine(),
        "concurrency": plan.concurrency,
        "passes": plan.passes,
        "seconds": plan.span.as_secs_f64(),
        "engines": engines,
    })
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn median_of_odd_and_even() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < f64::EPSILON);
        assert!(median(std::iter::empty()).is_nan());
    }
}
