//! A generic signed HTTP hook for SMS or e-mail.
//!
//! `POST` with a JSON body and the headers `Idempotency-Key` (the message's id, the same on every
//! attempt), `Doorward-Timestamp` (seconds since 1970) and
//! `Doorward-Signature: v1=<hex HMAC-SHA256 of "{timestamp}.{body}">`. The receiver recomputes the
//! MAC over the raw body and refuses timestamps that are minutes old. Any 2xx takes the message over.
//!
//! What became of it may be reported later: a `POST` to the `report_url` of the body, signed in the same
//! way with the same secret, with `{ "id", "status" }` and perhaps a `code`. What we send has no `status`
//! and what is reported has no `to`, so that neither passes for the other.

use aws_lc_rs::hmac;
use doorward_domain::contact::Channel;
use doorward_domain::secret::{SecretText, constant_time_eq, hex};
use doorward_domain::time::iso;
use doorward_domain::{AppId, OutboxId, Timestamp};
use reqwest::{Client, Url, header};
use serde::{Deserialize, Serialize};

use super::http::{HttpOptions, check_url, client, exchange_error, read_body, status_error};
use super::{Fate, OptionsError, Receipt, Report, Said, SendError, Sender};
use crate::BoxFuture;
use crate::message::OutgoingMessage;

const WHO: &str = "the webhook";

/// Least characters of the signing secret.
const SECRET_MIN: usize = 32;

/// How far a report's timestamp may be from our clock, in seconds.
const CLOCK_SKEW: i64 = 300;

/// Where and how to post.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// Where to: https, or http to loopback.
    pub url: Url,
    /// Key of the signature: its UTF-8 bytes, at least 32.
    pub secret: SecretText,
    /// How to speak HTTP to it.
    pub http: HttpOptions,
}

/// Hands messages to an HTTP endpoint of the operator's.
pub struct WebhookSender {
    client: Client,
    url: Url,
    key: hmac::Key,
}

#[derive(Serialize)]
struct Body<'a> {
    id: OutboxId,
    channel: Channel,
    to: &'a str,
    text: &'a str,
    subject: Option<&'a str>,
    html: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report_url: Option<&'a str>,
    app_id: AppId,
    created_at: String,
}

/// A report.
#[derive(Deserialize)]
struct Reported {
    id: OutboxId,
    status: Status,
    code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Accepted,
    Delivered,
    Failed,
    Rejected,
}

impl WebhookSender {
    /// Checks the options and sets up the client. Connects to nothing.
    ///
    /// # Errors
    /// [`OptionsError`] when the URL is unsafe or the secret too short.
    pub fn new(options: &WebhookOptions) -> Result<Self, OptionsError> {
        check_url(&options.url, &options.http, "the webhook URL")?;
        let secret = options.secret.expose().as_bytes();
        if secret.len() < SECRET_MIN {
            return Err(OptionsError::new(format!(
                "the webhook secret must have at least {SECRET_MIN} characters"
            )));
        }
        Ok(Self {
            client: client(&options.http)?,
            url: options.url.clone(),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
        })
    }

    fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        format!("v1={}", hex(self.mac(timestamp, body).as_ref()))
    }

    fn mac(&self, timestamp: &str, body: &[u8]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(&self.key);
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.sign()
    }

    fn is_signed(&self, report: &Report<'_>) -> bool {
        let (Some(timestamp), Some(signature)) = (
            report.header("doorward-timestamp"),
            report.header("doorward-signature"),
        ) else {
            return false;
        };
        let fresh = timestamp
            .parse::<i64>()
            .is_ok_and(|at| report.now.as_second().abs_diff(at) <= CLOCK_SKEW.unsigned_abs());
        let expected = self.sign(timestamp, report.body);
        fresh && constant_time_eq(expected.as_bytes(), signature.as_bytes())
    }

    async fn post(&self, message: &OutgoingMessage) -> Result<Receipt, SendError> {
        let content = &message.content;
        let body = serde_json::to_vec(&Body {
            id: message.id,
            channel: message.channel,
            to: content.to.original(),
            text: &content.text,
            subject: content.subject.as_deref(),
            html: content.html.as_deref(),
            code: content.code.as_ref().map(SecretText::expose),
            link: content.link.as_ref().map(SecretText::expose),
            report_url: message.report_url.as_deref(),
            app_id: message.app_id,
            created_at: iso(message.created_at),
        })
        .map_err(|_| SendError::permanent("the message could not be written as JSON"))?;
        self.deliver(&message.id.to_string(), message.now, body)
            .await
    }

    /// Posts a body, signed. `id` is the same on every attempt.
    pub(crate) async fn deliver(
        &self,
        id: &str,
        now: Timestamp,
        body: Vec<u8>,
    ) -> Result<Receipt, SendError> {
        let timestamp = now.as_second().to_string();
        let request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", id)
            .header("Doorward-Signature", self.sign(&timestamp, &body))
            .header("Doorward-Timestamp", timestamp)
            .body(body);
        let response = request
            .send()
            .await
            .map_err(|error| exchange_error(WHO, &error))?;
        if !response.status().is_success() {
            return Err(status_error(WHO, &response, None));
        }
        // The status decides. The body is read, within bounds, so that the connection can be used
        // again.
        drop(read_body(WHO, response).await);
        Ok(Receipt::default())
    }
}

impl Sender for WebhookSender {
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.post(message))
    }

    fn reports(&self, _: Channel) -> bool {
        true
    }

    fn read_report(&self, _: Channel, report: &Report<'_>) -> Option<Said> {
        if !self.is_signed(report) {
            return None;
        }
        let said: Reported = serde_json::from_slice(report.body).ok()?;
        if said.id != report.message {
            return None;
        }
        let fate = match said.status {
            Status::Accepted => Fate::OnItsWay,
            Status::Delivered => Fate::Delivered,
            Status::Failed => Fate::Failed,
            Status::Rejected => Fate::Rejected,
        };
        Some(Said::new(fate, None, said.code))
    }
}
