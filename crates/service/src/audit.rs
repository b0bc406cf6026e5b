//! Reading the audit log, and keeping floods out of it.

mod question;

use std::collections::HashMap;
use std::sync::Mutex;

use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code, Timestamp};
pub use doorward_store::platform::{AuditFilter, AuditPage, Party, StoredEvent};

pub use question::{outcome, party};

use crate::context::Operator;
use crate::core::Core;
use crate::error::{Error, Result};

/// Most events in one page.
pub const PAGE_MAX: u32 = 200;

/// Events, newest first. Each page looks at a bounded number of events: it may hold few, or none,
/// although there are more.
///
/// # Errors
/// [`Code::Forbidden`] without the scope `audit:read`; [`Code::ValidationError`] for a question that
/// no index serves.
pub async fn list(core: &Core, operator: &Operator, filter: AuditFilter) -> Result<AuditPage> {
    core.authorise(operator, Scope::AuditRead).await?;
    let filter = question::check(filter)?;
    // One more than fits tells whether there is a next page.
    let wanted = filter.limit;
    let filter = AuditFilter {
        limit: wanted + 1,
        ..filter
    };
    let mut page = core
        .store
        .read(move |tx| Ok::<_, Error>(tx.platform().audit_events(&filter)?))
        .await?;
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    if page.events.len() > wanted {
        page.events.truncate(wanted);
        page.next = page.events.last().map(|event| event.id);
    }
    Ok(page)
}

/// How many refusals are written per node: enough to see an attack, too few to fill a disk with.
/// What is over the budget is counted in the metrics only. Each source has a budget of its own, so
/// that noise from one does not hide what comes from another.
#[derive(Default)]
pub(crate) struct RefusalBudget(Mutex<HashMap<Refused, Bucket>>);

/// Whose budget a refusal is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Refused {
    /// Credentials of an app that does not exist.
    Stranger,
    /// A wrong secret of an app.
    Secret(AppId),
    /// What an app's backend was refused: its visitors can provoke it.
    Request(AppId),
    /// An admin key.
    AdminKey,
}

/// Most budgets kept. A full one is not kept: it says nothing.
const SOURCES_MAX: usize = 4_096;

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

/// Written at once at most.
const BURST: f64 = 100.0;
/// Written per second in the long run.
const PER_SECOND: f64 = 5.0;

impl Bucket {
    /// A clock that was put back does not stop the filling until it has caught up.
    fn fill(&mut self, now: Timestamp) {
        let elapsed = now
            .as_microsecond()
            .saturating_sub(self.filled_at.as_microsecond());
        #[expect(
            clippy::cast_precision_loss,
            reason = "a budget needs no exact seconds"
        )]
        let gained = elapsed.max(0) as f64 / 1e6 * PER_SECOND;
        self.tokens = (self.tokens + gained).min(BURST);
        self.filled_at = now;
    }
}

impl RefusalBudget {
    /// Whether one more may be written.
    pub(crate) fn take(&self, now: Timestamp, source: Refused, code: Code) -> bool {
        metrics::counter!("doorward_authentication_refusals_total", "code" => code.as_str())
            .increment(1);
        let mut buckets = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if buckets.len() >= SOURCES_MAX && !buckets.contains_key(&source) {
            buckets.retain(|_, bucket| {
                bucket.fill(now);
                bucket.tokens < BURST
            });
            if buckets.len() >= SOURCES_MAX {
                buckets.clear();
            }
        }
        let bucket = buckets.entry(source).or_insert(Bucket {
            tokens: BURST,
            filled_at: now,
        });
        bucket.fill(now);
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            true
        } else {
            metrics::counter!("doorward_audit_refusals_dropped_total").increment(1);
            false
        }
    }
}
