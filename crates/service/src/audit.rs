//! Reading the audit log, and keeping floods out of it.

use std::sync::Mutex;

use doorward_domain::scope::Scope;
use doorward_domain::{Code, Timestamp};
pub use doorward_store::platform::{AuditFilter, StoredEvent};

use crate::context::Operator;
use crate::core::Core;
use crate::error::{Error, Result};

/// Most events in one page.
pub const PAGE_MAX: u32 = 200;

/// Events, newest first.
///
/// # Errors
/// [`Code::Forbidden`] without the scope `audit:read`.
pub async fn list(
    core: &Core,
    operator: &Operator,
    filter: AuditFilter,
) -> Result<Vec<StoredEvent>> {
    operator.require(Scope::AuditRead)?;
    if !(1..=PAGE_MAX).contains(&filter.limit) {
        return Err(Error::field("limit", "Must be between 1 and 200"));
    }
    core.store
        .read(move |tx| Ok(tx.platform().audit_events(&filter)?))
        .await
}

/// How many refusals of unauthenticated callers are written per node: enough to see an attack,
/// too few to fill a disk with. What is over the budget is counted in the metrics only.
pub(crate) struct RefusalBudget(Mutex<Bucket>);

struct Bucket {
    tokens: f64,
    filled_at: Timestamp,
}

/// Written at once at most.
const BURST: f64 = 100.0;
/// Written per second in the long run.
const PER_SECOND: f64 = 5.0;

impl Default for RefusalBudget {
    fn default() -> Self {
        Self(Mutex::new(Bucket {
            tokens: BURST,
            filled_at: Timestamp::MIN,
        }))
    }
}

impl RefusalBudget {
    /// Whether one more may be written.
    pub(crate) fn take(&self, now: Timestamp, code: Code) -> bool {
        metrics::counter!("doorward_authentication_refusals_total", "code" => code.as_str())
            .increment(1);
        let mut bucket = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let elapsed = now
            .as_microsecond()
            .saturating_sub(bucket.filled_at.as_microsecond());
        if elapsed > 0 {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a budget needs no exact seconds"
            )]
            let gained = elapsed as f64 / 1e6 * PER_SECOND;
            bucket.tokens = (bucket.tokens + gained).min(BURST);
            bucket.filled_at = now;
        }
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            true
        } else {
            metrics::counter!("doorward_audit_refusals_dropped_total").increment(1);
            false
        }
    }
}
