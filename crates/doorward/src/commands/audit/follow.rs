//! `doorward audit list --follow`: what happens, as it happens.
//!
//! Ids are ordered by the time an event was made, and a node may write one a little later than
//! another node a younger one. So each look goes back some seconds, and what was shown is remembered
//! for as long.

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_domain::time::plus_seconds;
use doorward_domain::{EventId, Timestamp};
use doorward_service::audit::AuditFilter;
use doorward_service::{Core, Operator};

use super::Search;
use super::view::EventView;
use crate::Outcome;
use crate::output;

/// Between two looks.
const POLL: Duration = Duration::from_millis(500);
/// How far each look goes back, in seconds: longer than a request may take.
const BACK_SECONDS: i64 = 30;

/// Shows events until the process is ended.
pub(super) async fn run(
    core: &Core,
    operator: &Operator,
    filter: AuditFilter,
    json: bool,
) -> Outcome {
    // Without a beginning: from now on.
    let begin = filter.since.unwrap_or_else(|| core.clock.now());
    let mut since = begin;
    let mut shown: BTreeSet<EventId> = BTreeSet::new();
    loop {
        let mut search = Search::new(AuditFilter {
            since: Some(since),
            ..filter.clone()
        });
        let mut found = Vec::new();
        while let Some(page) = search.next(core, operator, usize::MAX).await? {
            found.extend(page.into_iter().filter(|event| !shown.contains(&event.id)));
        }
        for event in found.into_iter().rev() {
            shown.insert(event.id);
            let event = EventView::from(event);
            output::text_out(&if json { event.line()? } else { event.row() })?;
        }
        since = plus_seconds(core.clock.now(), -BACK_SECONDS).max(begin);
        shown.retain(|id| made_since(*id, since));
        tokio::time::sleep(POLL).await;
    }
}

/// Whether an event comes up again in a look that goes back to `since`.
fn made_since(id: EventId, since: Timestamp) -> bool {
    let [a, b, c, d, e, f, ..] = *id.as_bytes();
    i64::from_be_bytes([0, 0, a, b, c, d, e, f]) >= since.as_millisecond()
}
