//! Which of two servers is the primary, when both believe they are.
//!
//! A machine that froze while another one took over wakes up as the primary it was, with data of
//! then, until somebody tells it. PostgreSQL counts: whoever takes over begins a new timeline, so of
//! two servers of one system the one on the lower timeline has been passed over.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

/// What a connection leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Chosen at `initdb`, and the same for a server and its standbys. Timelines of different
    /// systems (a restored dump, another major version) have nothing to do with each other.
    system: u64,
    timeline: u32,
}

impl Origin {
    /// Asks a primary. Ordinary roles may; what a managed service or another engine refuses leaves
    /// the origin unknown.
    ///
    /// The name of the log file, because the control file shows a new timeline only after the next
    /// checkpoint.
    pub(super) const QUESTION: &str = "SELECT CAST(system_identifier AS TEXT), \
         pg_walfile_name(pg_current_wal_lsn()) FROM pg_control_system()";

    /// From the answer. A file's name begins with the timeline, in eight hexadecimal digits.
    pub(super) fn parse(system: &str, file: &str) -> Option<Self> {
        let timeline = file.get(..8).filter(|_| file.len() == 24)?;
        if !timeline.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        Some(Self {
            system: system.parse().ok()?,
            timeline: u32::from_str_radix(timeline, 16)
                .ok()
                .filter(|timeline| *timeline > 0)?,
        })
    }

    /// Whether it is of the same system and later.
    pub(super) const fn supersedes(self, other: Self) -> bool {
        self.system == other.system && self.timeline > other.timeline
    }
}

/// The highest timeline that was seen of each system, and the connections that are open.
#[derive(Default)]
pub(super) struct Lineage(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    latest: BTreeMap<u64, u32>,
    open: Vec<(Origin, AbortHandle)>,
}

impl Lineage {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes where a connection leads to. When that is later than what was known, the connections to
    /// what was before are cut at once, whatever they are waiting for: an answer that comes through
    /// one of them would be old.
    ///
    /// # Errors
    /// Why it must not be used.
    pub(super) fn admit(&self, origin: Origin, connection: AbortHandle) -> Result<(), String> {
        let mut seen = self.seen();
        seen.open
            .retain(|(_, connection)| !connection.is_finished());
        let latest = seen.latest.entry(origin.system).or_insert(origin.timeline);
        if origin.timeline < *latest {
            return Err(format!(
                "this server is on timeline {}, and another one took over on timeline {latest}; \
                 if the older one is right, restart doorward",
                origin.timeline
            ));
        }
        *latest = origin.timeline;
        let before = seen.open.len();
        seen.open.retain(|(older, connection)| {
            let passed = origin.supersedes(*older);
            if passed {
                connection.abort();
            }
            !passed
        });
        let cut = before - seen.open.len();
        seen.open.push((origin, connection));
        drop(seen);
        if cut > 0 {
            let timeline = origin.timeline;
            tracing::warn!(
                timeline,
                cut,
                "another database server has taken over: connections to the one before were cut"
            );
        }
        Ok(())
    }

    /// Whether another server has taken over from it.
    pub(super) fn is_passed(&self, origin: Origin) -> bool {
        let latest = self.seen().latest.get(&origin.system).copied();
        latest.is_some_and(|latest| latest > origin.timeline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "7412345678901234567";

    fn origin(timeline: u32) -> Origin {
        Origin::parse(SYSTEM, &format!("{timeline:08X}0000000A000000FF")).unwrap()
    }

    #[test]
    fn a_timeline_is_read_from_the_name_of_a_log_file() {
        let read = |file| Origin::parse(SYSTEM, file).map(|origin| origin.timeline);
        assert_eq!(read("000000010000000000000001"), Some(1));
        assert_eq!(read("0000000A0000000000000001"), Some(10));
        assert_eq!(read("FFFFFFFF00000000000000FF"), Some(u32::MAX));
        for wrong in [
            "",
            "00000001",
            "000000000000000000000001",
            "+00000010000000000000001",
            "0000001é000000000000001",
            "00000001.history",
            "000000010000000000000001.partial",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(Origin::parse("", "000000010000000000000001"), None);
        assert_eq!(Origin::parse("-1", "000000010000000000000001"), None);
        assert!(Origin::parse("18446744073709551615", "000000010000000000000001").is_some());
    }

    #[test]
    fn only_timelines_of_one_system_are_compared() {
        assert!(origin(0x10).supersedes(origin(0x0F)));
        assert!(!origin(2).supersedes(origin(2)));
        assert!(!origin(1).supersedes(origin(2)));
        let other = Origin::parse("1", "000000090000000000000001").unwrap();
        assert!(!other.supersedes(origin(1)));
    }

    #[tokio::test]
    async fn the_connections_to_a_server_that_was_passed_over_are_cut() {
        let lineage = Lineage::default();
        let connection = || tokio::spawn(std::future::pending::<()>());
        let (first, second, other) = (connection(), connection(), connection());
        lineage.admit(origin(1), first.abort_handle()).unwrap();
        lineage.admit(origin(1), second.abort_handle()).unwrap();
        let elsewhere = Origin::parse("1", "000000010000000000000001").unwrap();
        lineage.admit(elsewhere, other.abort_handle()).unwrap();
        assert!(!lineage.is_passed(origin(1)));

        let later = connection();
        lineage.admit(origin(3), later.abort_handle()).unwrap();
        assert!(first.await.unwrap_err().is_cancelled());
        assert!(second.await.unwrap_err().is_cancelled());
        assert!(!other.is_finished() && !later.is_finished());
        assert!(lineage.is_passed(origin(2)));
        assert!(!lineage.is_passed(origin(3)) && !lineage.is_passed(elsewhere));

        let refused = lineage.admit(origin(2), connection().abort_handle());
        let refused = refused.unwrap_err();
        assert!(
            refused.contains("timeline 2") && refused.contains("timeline 3"),
            "{refused}"
        );
        lineage
            .admit(origin(3), connection().abort_handle())
            .unwrap();
        assert!(!later.is_finished(), "{later:?}");
    }
}
