//! Counting what `cargo test` says.

use std::collections::{BTreeMap, BTreeSet};

/// The counts of a whole run.
#[derive(Debug, Default)]
pub(super) struct Summary {
    passed: u64,
    pub(super) failed: u64,
    ignored: u64,
    /// Tests that ended early because something was missing, by what was missing.
    skipped: BTreeMap<String, u64>,
    pub(super) failed_names: Vec<String>,
    passed_names: Vec<String>,
    /// Cargo itself ended with an error.
    pub(super) process_failed: bool,
}

impl Summary {
    /// Takes in one line of output.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(rest) = line.trim().strip_prefix("test result: ") {
            let counts = rest.split_once(". ").map_or("", |(_, counts)| counts);
            for part in counts.split(';') {
                match part.trim().split_once(' ') {
                    Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                    Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                    Some((number, "ignored")) => self.ignored += number.parse().unwrap_or(0),
                    _ => {}
                }
            }
        } else if let Some(rest) = line.trim_end().strip_prefix("test ") {
            if let Some(name) = rest.strip_suffix(" ... FAILED") {
                self.failed_names.push(name.to_owned());
            } else if let Some(name) = rest.strip_suffix(" ... ok") {
                self.passed_names.push(name.to_owned());
            }
        }
    }

    /// Takes in the list that tests leave of what they could not do: a line each, `what: test name`,
    /// the name perhaps after that of its program.
    ///
    /// Such a test returns early, so the test harness says it passed; here it counts as skipped.
    pub(super) fn take_skipped(&mut self, list: &str) {
        let lines: BTreeSet<&str> = list.lines().collect();
        for line in lines {
            if let Some((what, test)) = line.split_once(": ") {
                self.skip(what, 1);
                let name = test.rsplit(' ').next().unwrap_or(test);
                self.passed_names.retain(|passed| passed != name);
            }
        }
    }

    /// Something was missing: counts the tests that did not say so, but whose names tell that they
    /// cannot have done anything without it.
    pub(super) fn take_missing(&mut self, what: &str) {
        let needs: &[&str] = match what {
            "PostgreSQL" => &["postgres"],
            "Python" => &["pyjwt", "schemathesis"],
            "Node" => &["jose"],
            _ => &[],
        };
        let is_one = |name: &String| {
            name.split("::")
                .any(|part| part.split('_').any(|word| needs.contains(&word)))
        };
        let before = self.passed_names.len();
        self.passed_names.retain(|name| !is_one(name));
        self.skip(what, before - self.passed_names.len());
    }

    fn skip(&mut self, what: &str, tests: usize) {
        let tests = u64::try_from(tests).unwrap_or(0);
        *self.skipped.entry(what.to_lowercase()).or_default() += tests;
        self.passed = self.passed.saturating_sub(tests);
    }

    /// How many tests were skipped for want of this.
    pub(super) fn skipped_for(&self, what: &str) -> u64 {
        self.skipped.get(&what.to_lowercase()).copied().unwrap_or(0)
    }

    /// Whether nothing failed.
    pub(super) fn is_success(&self) -> bool {
        self.failed == 0 && !self.process_failed
    }

    /// The last line of a run.
    pub(super) fn line(&self) -> String {
        let failed = if self.failed == 0 && self.process_failed {
            1
        } else {
            self.failed
        };
        let skipped = self.ignored + self.skipped.values().sum::<u64>();
        let tail = if skipped > 0 {
            format!(", {skipped} skipped")
        } else {
            String::new()
        };
        format!("{} passed, {failed} failed{tail}", self.passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> Summary {
        let mut summary = Summary::default();
        lines.iter().for_each(|line| summary.read(line));
        summary
    }

    #[test]
    fn adds_up_the_results_of_all_binaries() {
        let summary = after(&[
            "running 3 tests\n",
            "test a::b ... ok\n",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s\n",
            "test c::d ... FAILED\n",
            "test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.0s\n",
        ]);
        assert_eq!(summary.line(), "7 passed, 1 failed, 1 skipped");
        assert_eq!(summary.failed_names, ["c::d"]);
        assert!(!summary.is_success());
    }

    #[test]
    fn a_process_that_died_is_a_failure_even_without_a_count() {
        let mut summary = after(&[]);
        summary.process_failed = true;
        assert_eq!(summary.line(), "0 passed, 1 failed");
        assert!(!summary.is_success());
    }

    #[test]
    fn what_the_list_does_not_say_the_names_tell() {
        let mut summary = after(&[
            "test refresh::once::sqlite ... ok",
            "test refresh::once::postgres ... ok",
            "test driver::postgres_reconnects ... ok",
            "test tokens::verify_with_pyjwt ... ok",
            "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured",
        ]);
        summary.take_skipped("PostgreSQL: /target/debug/deps/it-1f refresh::once::postgres\n");
        summary.take_missing("PostgreSQL");
        summary.take_missing("Node");
        assert_eq!(summary.line(), "2 passed, 0 failed, 2 skipped");
        assert_eq!(summary.skipped_for("PostgreSQL"), 2);
        assert_eq!(summary.skipped_for("Node"), 0);
    }

    #[test]
    fn a_test_that_could_not_run_did_not_pass() {
        let mut summary = after(&["test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured"]);
        summary.take_skipped("PostgreSQL: a\nPostgreSQL: b\nPostgreSQL: b\nNode: c\n");
        assert_eq!(summary.line(), "2 passed, 0 failed, 3 skipped");
        assert_eq!(summary.skipped_for("PostgreSQL"), 2);
        assert!(summary.is_success());
    }
}
