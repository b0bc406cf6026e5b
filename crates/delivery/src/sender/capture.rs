//! The capture of `doorward dev`: keeps messages in memory instead of sending them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use doorward_domain::contact::Channel;
use doorward_domain::time::iso;
use doorward_domain::{AppId, OutboxId};

use super::{Receipt, SendError, Sender};
use crate::BoxFuture;
use crate::message::OutgoingMessage;

/// A captured message, as `GET /dev/outbox` shows it (product.md §5). Full of secrets, hence
/// without `Debug`.
#[derive(Clone, serde::Serialize)]
pub struct CapturedMessage {
    /// Its id in the outbox.
    pub id: OutboxId,
    /// The app it was sent for.
    pub app_id: AppId,
    /// How it would have travelled.
    pub channel: Channel,
    /// Recipient.
    pub to: String,
    /// Subject line (e-mail only).
    pub subject: Option<String>,
    /// Plain text.
    pub text: String,
    /// HTML (e-mail only).
    pub html: Option<String>,
    /// The code inside.
    pub code: Option<String>,
    /// The link inside.
    pub link: Option<String>,
    /// When it was written, ISO 8601.
    pub created_at: String,
}

/// Keeps the newest messages in memory. Never to be wired up in `serve`.
#[derive(Default)]
pub struct Capture {
    messages: Mutex<VecDeque<CapturedMessage>>,
}

impl Capture {
    /// How many messages are kept.
    pub const CAPACITY: usize = 1_000;

    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was captured, newest first; only to this recipient and for this app, where given.
    #[must_use]
    pub fn list(&self, to: Option<&str>, app_id: Option<AppId>) -> Vec<CapturedMessage> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages
            .iter()
            .rev()
            .filter(|message| to.is_none_or(|to| message.to.eq_ignore_ascii_case(to)))
            .filter(|message| app_id.is_none_or(|app_id| message.app_id == app_id))
            .cloned()
            .collect()
    }

    fn keep(&self, message: CapturedMessage) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        // A second attempt replaces the first.
        messages.retain(|kept| kept.id != message.id);
        if messages.len() >= Self::CAPACITY {
            messages.pop_front();
        }
        messages.push_back(message);
    }
}

impl Sender for Capture {
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        let content = &message.content;
        self.keep(CapturedMessage {
            id: message.id,
            app_id: message.app_id,
            channel: message.channel,
            to: content.to.original().to_owned(),
            subject: content.subject.clone(),
            text: content.text.clone(),
            html: content.html.clone(),
            code: content.code.as_ref().map(|code| code.expose().to_owned()),
            link: content.link.as_ref().map(|link| link.expose().to_owned()),
            created_at: iso(message.created_at),
        });
        Box::pin(std::future::ready(Ok(Receipt::default())))
    }
}
