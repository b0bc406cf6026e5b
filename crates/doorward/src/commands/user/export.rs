//! `doorward user export`

use doorward_domain::{AppId, UserId};
use doorward_service::users::{self, ExportPlace};
use doorward_service::{Core, Operator};

use crate::Outcome;
use crate::failure::Failure;
use crate::output;

const PAGE: u32 = 100;

/// Prints one JSON document, page by page: `{ "items": [ … ] }`.
pub(super) async fn print(core: &Core, operator: &Operator, app: AppId, id: UserId) -> Outcome {
    let mut from: Option<ExportPlace> = None;
    let mut first = true;
    loop {
        let page = users::export(core, operator, app, id, from, PAGE).await?;
        for item in &page.items {
            let text = serde_json::to_string(item)
                .map_err(|error| Failure::failed("INTERNAL_ERROR", error.to_string()))?;
            let before = if first { "{\"items\":[\n" } else { ",\n" };
            first = false;
            output::text_out(&format!("{before}{text}"))?;
        }
        from = page.next;
        if from.is_none() {
            return output::text_out("\n]}\n");
        }
    }
}
