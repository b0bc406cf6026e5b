//! A bar on stderr, where there is a terminal, and its pace.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressState, ProgressStyle};

/// How often what is written elsewhere is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// A bar that goes from step to step.
pub(super) struct Progress {
    bar: ProgressBar,
    /// Where the present step began: what was done before says nothing about its pace.
    began: Arc<AtomicU64>,
}

/// What is counted.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Rows,
    Bytes,
}

impl Progress {
    /// Nothing is shown to programs (`json`), nor without a terminal.
    pub(super) fn new(json: bool, unit: Unit) -> Self {
        let bar = match json {
            true => ProgressBar::hidden(),
            false => ProgressBar::new(0),
        };
        let began = Arc::new(AtomicU64::new(0));
        let from = Arc::clone(&began);
        let template = match unit {
            Unit::Rows => "{prefix} {wide_bar} {human_pos}/{human_len} rows{pace}  {msg}",
            Unit::Bytes => "{prefix} {wide_bar} {binary_bytes}/{binary_total_bytes}{left}",
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let told = move |state: &ProgressState, rate: bool| {
            let done = state.pos().saturating_sub(from.load(Relaxed));
            let left = state.len().unwrap_or(0).saturating_sub(state.pos());
            pace(done, state.elapsed(), left, rate)
        };
        let left = told.clone();
        let style = style
            .with_key(
                "pace",
                move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    // A terminal that is gone is nothing to stop for.
                    let _ = out.write_str(&told(state, true));
                },
            )
            .with_key(
                "left",
                move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = out.write_str(&left(state, false));
                },
            );
        bar.set_style(style);
        bar.enable_steady_tick(LOOK);
        Self { bar, began }
    }

    /// The next step, of so much, of which so much is done already.
    pub(super) fn begin(&self, name: &'static str, total: u64, done: u64) {
        self.began.store(done, Relaxed);
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.bar.set_prefix(name);
    }

    /// So much of the step is done.
    pub(super) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// What it is at.
    pub(super) fn says(&self, what: String) {
        self.bar.set_message(what);
    }

    /// Shows how a file grows while something is done.
    pub(super) fn watching<T>(&self, file: &Path, work: impl FnOnce() -> T) -> T {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    self.at(fs::metadata(file).map_or(0, |found| found.len()));
                    std::thread::park_timeout(LOOK);
                }
            });
            let done = work();
            over.store(true, Relaxed);
            done
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `, 1,234/s, 12 seconds left`; nothing as long as there is no telling.
fn pace(done: u64, elapsed: Duration, left: u64, rate: bool) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let each_second = u128::from(done) * 1_000 / u128::from(millis.max(1));
    let each_second = u64::try_from(each_second).unwrap_or(u64::MAX);
    if millis < 1_000 || each_second == 0 {
        return String::new();
    }
    let mut out = String::new();
    if rate {
        let _ = write!(out, ", {}/s", HumanCount(each_second));
    }
    let left = Duration::from_secs(left.div_ceil(each_second));
    let _ = write!(out, ", {} left", HumanDuration(left));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_of_what_this_attempt_did() {
        let second = Duration::from_secs(1);
        assert_eq!(pace(0, 5 * second, 10, true), "");
        assert_eq!(pace(73_611, Duration::from_millis(3), 10, true), "");
        assert_eq!(
            pace(5_000, 2 * second, 30_000, true),
            ", 2,500/s, 12 seconds left"
        );
        assert_eq!(pace(5_000, 2 * second, 30_000, false), ", 12 seconds left");
    }

    #[test]
    fn a_step_that_goes_on_begins_where_the_former_attempt_ended() {
        let progress = Progress::new(true, Unit::Rows);
        progress.begin("copying", 253_027, 73_611);
        progress.at(73_700);
        assert_eq!(progress.began.load(Relaxed), 73_611);
        assert_eq!(progress.bar.position(), 73_700);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), [0; 77]).unwrap();
        progress.begin("writing", 100, 0);
        let seen = progress.watching(file.path(), || {
            let until = std::time::Instant::now() + Duration::from_secs(20);
            while progress.bar.position() != 77 && std::time::Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
            }
            progress.bar.position()
        });
        assert_eq!(seen, 77);
    }
}
