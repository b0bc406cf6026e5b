//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).

use axum::http::HeaderMap;
use doorward_service::IdempotencyKey;

use super::Fields;

/// Its name.
const NAME: &str = "Idempotency-Key";

/// Reads it. The outer `None` means it was refused.
pub(crate) fn idempotency_key(headers: &HeaderMap, fields: &mut Fields) -> Option<Option<String>> {
    let mut values = headers.get_all(NAME).iter();
    let Some(value) = values.next() else {
        return Some(None);
    };
    let text = value.to_str().unwrap_or_default();
    if IdempotencyKey::is_key(text) && values.next().is_none() {
        Some(Some(text.to_owned()))
    } else {
        fields.refuse(NAME, IdempotencyKey::RULE);
        None
    }
}
