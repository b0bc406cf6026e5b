//! Statistics of an app: counted in memory, written every few seconds, summed where they are read.
//!
//! A request pays for a look into a map and an atomic addition. Each process writes rows of its own,
//! so nodes never wait for one another, and always the total so far, so writing twice changes
//! nothing. What `kill -9` loses is what was counted since the last writing: ten seconds at most.

mod tally;

use doorward_domain::scope::Scope;
use doorward_domain::stats::{Counted, Counts, Sketch, day_of};
use doorward_domain::{AppId, Code};

pub(crate) use tally::Tally;

use crate::context::Operator;
use crate::core::Core;
use crate::error::{Error, FieldError, Result};

/// Most days in one answer.
pub const DAYS_MAX: i64 = 92;
/// Days in an answer when nobody says how many.
const DAYS_DEFAULT: i64 = 30;

/// What happened on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970 (UTC).
    pub day: i64,
    /// How often, by kind.
    pub counts: Counts,
    /// Different users who signed in or refreshed: exact up to 256 in each process, beyond that
    /// with a standard error of 2.3 %.
    pub active_users: i64,
}

impl Day {
    /// One of the numbers.
    #[must_use]
    pub fn get(&self, kind: Counted) -> i64 {
        self.counts.get(kind as usize).copied().unwrap_or_default()
    }
}

/// What happened in an app, day by day from `from` to `to` (both included; the last 30 days if absent,
/// 92 at most). Days on which nothing happened are there, too.
///
/// # Errors
/// [`Code::Forbidden`] without `metrics:read`; [`Code::AppNotFound`]; [`Code::ValidationError`].
pub async fn read(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Vec<Day>> {
    core.authorise(operator, Scope::MetricsRead).await?;
    let to = to.unwrap_or_else(|| day_of(operator.context.now()));
    let from = from.unwrap_or(to - DAYS_DEFAULT + 1);
    if from > to {
        return Err(Error::field("from", "Must not be after `to`"));
    }
    if to - from >= DAYS_MAX {
        let message = "Must be within 92 days of each other";
        let problems = ["from", "to"].map(|field| FieldError::new(field, message));
        return Err(Error::validation(problems.into()));
    }
    core.flush_stats_of(app_id).await?;
    let parts = core
        .store
        .read(move |tx| {
            if tx.platform().app(app_id)?.is_none() {
                return Err(Error::new(Code::AppNotFound));
            }
            Ok(tx.app(app_id).stats(from, to)?)
        })
        .await?;
    let mut parts = parts.into_iter().peekable();
    let mut days = Vec::new();
    for day in from..=to {
        let (mut counts, mut users) = ([0; Counted::COUNT], Sketch::default());
        while let Some(part) = parts.next_if(|part| part.day == day) {
            for (sum, count) in counts.iter_mut().zip(part.counts) {
                *sum += count;
            }
            users.join(&part.users);
        }
        days.push(Day {
            day,
            counts,
            active_users: users.count(),
        });
    }
    Ok(days)
}
