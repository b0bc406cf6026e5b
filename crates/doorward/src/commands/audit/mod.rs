//! `doorward audit`

mod follow;
mod question;
mod view;

use doorward_domain::EventId;
use doorward_service::audit::{self, AuditFilter, StoredEvent};
use doorward_service::{Core, Operator};

use crate::Outcome;
use crate::cli::{AuditCommand, Global};
use crate::deployment;
use crate::failure::Failure;
use crate::output;
use view::{EventList, EventView};

/// Runs it.
pub(super) async fn run(global: &Global, command: AuditCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(&core, &operator, command, global.json).await;
    core.store.close().await;
    outcome
}

async fn obey(core: &Core, operator: &Operator, command: AuditCommand, json: bool) -> Outcome {
    match command {
        AuditCommand::List {
            question,
            limit,
            cursor,
            follow,
        } => {
            let mut filter = question::filter(core, operator, question).await?;
            if follow {
                return follow::run(core, operator, filter, json).await;
            }
            filter.before = cursor.map(|text| before(&text)).transpose()?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let (mut items, mut search) = (Vec::new(), Search::new(filter));
            while items.len() < limit
                && let Some(page) = search.next(core, operator, limit - items.len()).await?
            {
                items.extend(page.into_iter().map(EventView::from));
            }
            let next_cursor = search.filter.and_then(|filter| filter.before);
            let next_cursor = next_cursor.map(|id| id.to_string());
            output::report(json, &EventList { items, next_cursor })
        }
        AuditCommand::Export(question) => {
            let filter = question::filter(core, operator, question).await?;
            let mut search = Search::new(filter);
            while let Some(page) = search.next(core, operator, usize::MAX).await? {
                let lines = page.into_iter().map(|event| EventView::from(event).line());
                output::text_out(&lines.collect::<Outcome<String>>()?)?;
            }
            Ok(())
        }
    }
}

fn before(text: &str) -> Outcome<EventId> {
    text.parse()
        .map_err(|_| Failure::usage(format!("`{text}` is no event's id.")))
}

/// A search that goes from page to page. Holds one page at a time.
struct Search {
    /// What is asked next; `None` at the end.
    filter: Option<AuditFilter>,
}

impl Search {
    const fn new(filter: AuditFilter) -> Self {
        Self {
            filter: Some(filter),
        }
    }

    /// The next page, which may be empty; `None` at the end.
    async fn next(
        &mut self,
        core: &Core,
        operator: &Operator,
        most: usize,
    ) -> Outcome<Option<Vec<StoredEvent>>> {
        let Some(filter) = &mut self.filter else {
            return Ok(None);
        };
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        filter.limit = most.clamp(1, audit::PAGE_MAX);
        let page = audit::list(core, operator, filter.clone()).await?;
        match page.next {
            Some(next) => filter.before = Some(next),
            None => self.filter = None,
        }
        Ok(Some(page.events))
    }
}
