//! Writes a message in the Internet Message Format (RFC 5322, MIME).

use std::time::SystemTime;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::options::SmtpOptions;
use crate::message::OutgoingMessage;
use crate::sender::{OptionsError, SendError, Step};
use crate::template::single_line;

/// Whom messages come from.
pub(super) struct Author {
    address: Address,
    name: Option<String>,
    reply_to: Option<Address>,
}

impl Author {
    pub(super) fn new(options: &SmtpOptions) -> Result<Self, OptionsError> {
        let reply_to = options
            .reply_to
            .as_deref()
            .map(|text| address(text, "reply-to"))
            .transpose()?;
        Ok(Self {
            address: address(&options.from_address, "from")?,
            name: options.from_name.clone(),
            reply_to,
        })
    }

    /// The envelope and the bytes of a message. The same on every attempt, but for the date.
    pub(super) fn write(
        &self,
        message: &OutgoingMessage,
    ) -> Result<(Envelope, Vec<u8>), SendError> {
        let content = &message.content;
        let to: Address = content.to.original().parse().map_err(|_| {
            SendError::permanent("smtp: the recipient is no address").at(Step::Recipient)
        })?;
        // Names and subjects come from apps: whatever could end a header line goes here, even if
        // it went before.
        let name = header_text(self.name.as_deref().unwrap_or(&message.app_name));
        let subject = header_text(content.subject.as_deref().unwrap_or_default());
        let mut builder = Message::builder()
            .from(Mailbox::new(
                Some(name).filter(|name| !name.is_empty()),
                self.address.clone(),
            ))
            .to(Mailbox::new(None, to))
            .subject(subject)
            .date(SystemTime::from(message.now))
            .message_id(Some(format!("<{}@{}>", message.id, self.address.domain())))
            // RFC 3834 §5: keeps autoresponders quiet.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(Mailbox::new(None, reply_to.clone()));
        }
        let mail = match &content.html {
            Some(html) => builder.multipart(
                MultiPart::builder()
                    .kind(lettre::message::MultiPartKind::Alternative)
                    .boundary(format!("doorward-{}", message.id))
                    .singlepart(SinglePart::plain(content.text.clone()))
                    .singlepart(SinglePart::html(html.clone())),
            ),
            None => builder
                .header(ContentType::TEXT_PLAIN)
                .body(content.text.clone()),
        };
        let mail =
            mail.map_err(|_| SendError::permanent("smtp: the message could not be written"))?;
        Ok((mail.envelope().clone(), mail.formatted()))
    }
}

/// Text for a header: on one line, also after the reader has decoded it. Plain ASCII is sent as it
/// is, so a text that itself looks like an encoded word (RFC 2047 §2) would be decoded by the
/// reader, line breaks and all.
fn header_text(text: &str) -> String {
    single_line(text).replace("=?", "= ?")
}

fn address(text: &str, what: &str) -> Result<Address, OptionsError> {
    text.parse()
        .map_err(|_| OptionsError::new(format!("the {what} address is malformed")))
}
