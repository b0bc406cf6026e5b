//! How templates and providers look from outside.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use doorward_domain::time::iso;
use doorward_service::messages::{ChannelDelivery, Provider, SmsEncoding, SmsSize, TemplateInfo};
use serde::Serialize;
use utoipa::ToSchema;

/// How long an SMS is.
#[derive(Serialize, ToSchema)]
#[schema(as = SmsSize)]
pub(super) struct SizeView {
    /// `gsm7` or `ucs2`: one character outside the 7-bit alphabet makes the whole message `ucs2`.
    encoding: &'static str,
    /// Units of that encoding: some characters take two.
    units: usize,
    /// Pieces it is sent in; the provider charges for each.
    segments: usize,
}

impl From<SmsSize> for SizeView {
    fn from(size: SmsSize) -> Self {
        Self {
            encoding: match size.encoding {
                SmsEncoding::Gsm7 => "gsm7",
                SmsEncoding::Ucs2 => "ucs2",
            },
            units: size.units,
            segments: size.segments,
        }
    }
}

/// A template.
#[derive(Serialize, ToSchema)]
#[schema(as = Template)]
pub(super) struct TemplateView {
    /// Which message.
    name: &'static str,
    /// In which language (BCP 47).
    language: String,
    /// `email` or `sms`.
    channel: &'static str,
    /// Whether the app wrote it; otherwise it is the built-in one, in English.
    own: bool,
    /// Subject line (e-mail only).
    subject: Option<String>,
    /// Plain text.
    text: String,
    /// HTML (e-mail only).
    html: Option<String>,
    /// Grows with every change, 0 for a built-in one; also the ETag.
    version: i64,
    /// Last change.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

impl From<TemplateInfo> for TemplateView {
    fn from(info: TemplateInfo) -> Self {
        Self {
            own: info.is_own(),
            name: info.key.name.as_str(),
            language: info.key.language.as_str().to_owned(),
            channel: info.key.channel.as_str(),
            subject: info.words.subject,
            text: info.words.text,
            html: info.words.html,
            version: info.version,
            updated_at: info.updated_at.map(iso),
        }
    }
}

/// With the version as its entity tag, for `If-Match`.
impl IntoResponse for TemplateView {
    fn into_response(self) -> Response {
        let etag = format!("\"{}\"", self.version);
        ([(header::ETAG, etag)], Json(self)).into_response()
    }
}

/// A provider, without its secret. Beside these it has the fields of its kind, as they were set.
#[derive(Serialize, ToSchema)]
#[schema(as = Provider)]
pub(super) struct ProviderView {
    /// Its name inside the app.
    id: String,
    /// `smtp`, `twilio` or `webhook`.
    kind: &'static str,
    /// When its secret was set; null without one. The secret itself is never shown.
    #[schema(format = DateTime)]
    secret_set_at: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

impl From<Provider> for ProviderView {
    fn from(provider: Provider) -> Self {
        let mut rest: BTreeMap<_, _> = match serde_json::to_value(&provider.kind) {
            Ok(serde_json::Value::Object(rest)) => rest.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        rest.remove("kind");
        Self {
            kind: provider.kind.as_str(),
            id: provider.id,
            secret_set_at: provider.secret_set_at,
            rest,
        }
    }
}

/// Who carries an app's messages of one channel.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelDelivery)]
pub(super) struct ChannelView {
    /// `email` or `sms`.
    channel: &'static str,
    /// The app's own providers, at most 3, in the order in which they are asked; empty for the
    /// deployment's own sender.
    providers: Vec<ProviderView>,
    /// Grows with every change, 0 without providers; also the ETag where the channel alone is
    /// answered.
    version: i64,
    /// Last change.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
}

impl From<ChannelDelivery> for ChannelView {
    fn from(delivery: ChannelDelivery) -> Self {
        Self {
            channel: delivery.channel.as_str(),
            providers: delivery
                .providers
                .into_iter()
                .map(ProviderView::from)
                .collect(),
            version: delivery.version,
            updated_at: delivery.updated_at.map(iso),
        }
    }
}

/// With the version as its entity tag, for `If-Match`.
impl IntoResponse for ChannelView {
    fn into_response(self) -> Response {
        let etag = format!("\"{}\"", self.version);
        ([(header::ETAG, etag)], Json(self)).into_response()
    }
}
