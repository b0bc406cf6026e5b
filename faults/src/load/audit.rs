//! Each acknowledged change has its event: they were written in one transaction.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::user::Shared;
use crate::Result;
use crate::http::Client;

/// How often a page is asked for again.
const AGAIN: u32 = 10;

/// Reads the audit log on the operator face and looks for every acknowledged change.
pub(super) fn check(shared: &Shared, operator: SocketAddr) -> Result<usize> {
    let mut http = Client::new(operator, 0);
    let header = format!("X-Admin-Key: {}\r\n", shared.app.admin_key);
    let mut found: HashSet<String> = HashSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/admin/audit?limit=100&app_id={}{cursor}", shared.app.id);
        let mut page = http.get(&path, &header);
        // What is tried is over; a machine that is busy still may be asked again.
        for _ in 0..AGAIN {
            if !matches!(&page, Ok(page) if page.status == 503) {
                break;
            }
            sleep(Duration::from_secs(1));
            page = http.get(&path, &header);
        }
        let page = page.map_err(|error| format!("audit: {}", error.0))?;
        if !page.is_good() {
            return Err(format!("audit: {} {}", page.status, page.code()));
        }
        let events = page.body.get("items").and_then(Value::as_array);
        for event in events.into_iter().flatten() {
            if let Some(id) = event.get("request_id").and_then(Value::as_str) {
                found.insert(id.to_owned());
            }
        }
        match page.text("next_cursor") {
            "" => break,
            next => cursor = format!("&cursor={next}"),
        }
    }
    let audited = std::mem::take(&mut shared.record.entries().audited);
    for (id, what) in &audited {
        if !found.contains(id) {
            shared
                .record
                .lost(format!("no audit event of the {what} in request {id}"));
        }
    }
    Ok(audited.len())
}
