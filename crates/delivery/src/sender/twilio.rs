//! SMS through Twilio's Messages resource, or anything that speaks the same HTTP.

use doorward_domain::contact::Channel;
use doorward_domain::secret::SecretText;
use doorward_domain::time::seconds_until;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::http::{HttpOptions, check_url, client, exchange_error, read_body, status_error};
use super::{OptionsError, Receipt, SendError, Sender, Step};
use crate::BoxFuture;
use crate::message::OutgoingMessage;

const WHO: &str = "twilio";

/// Longest `ValidityPeriod` Twilio accepts, in seconds.
const VALIDITY_MAX: i64 = 36_000;

/// What Twilio says of a recipient that no provider would reach: not a number, not valid, cannot
/// receive, has opted out, is no mobile.
const RECIPIENT: [u32; 5] = [21211, 21214, 21217, 21610, 21614];

/// Whom a message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TwilioFrom {
    /// A number in E.164 form, a short code, or an alphanumeric sender id.
    Number(String),
    /// A messaging service (`MG…`), which chooses the number.
    MessagingService(String),
}

/// How to reach Twilio.
#[derive(Debug, Clone)]
pub struct TwilioOptions {
    /// Account (`AC…`).
    pub account_sid: String,
    /// User of the basic authentication: an API key (`SK…`), or the account itself when `None`.
    pub api_key_sid: Option<String>,
    /// The auth token, or the API key's secret.
    pub secret: SecretText,
    /// Whom messages come from.
    pub from: TwilioFrom,
    /// Where the API is; default <https://api.twilio.com>.
    pub base_url: Url,
    /// How to speak HTTP to it.
    pub http: HttpOptions,
}

impl TwilioOptions {
    /// Where Twilio's API is.
    pub const BASE_URL: &'static str = "https://api.twilio.com";
}

/// Sends SMS through Twilio.
///
/// Twilio has no idempotency key: an answer that got lost leads to a second SMS with the same code.
pub struct TwilioSender {
    client: Client,
    url: Url,
    user: String,
    secret: SecretText,
    from: TwilioFrom,
}

/// An answer: of a success the `sid`, of a failure the `code` (the rest repeats the number).
#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    sid: Option<String>,
    code: Option<u32>,
}

impl TwilioSender {
    /// Checks the options and sets up the client. Connects to nothing.
    ///
    /// # Errors
    /// [`OptionsError`] when the URL is unsafe or an id is malformed.
    pub fn new(options: TwilioOptions) -> Result<Self, OptionsError> {
        check_url(&options.base_url, &options.http, "the Twilio base URL")?;
        let sid = &options.account_sid;
        if sid.is_empty() || !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(OptionsError::new(
                "the Twilio account sid must be letters and digits",
            ));
        }
        let base = options.base_url.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/2010-04-01/Accounts/{sid}/Messages.json"))
            .map_err(|_| OptionsError::new("the Twilio base URL is malformed"))?;
        Ok(Self {
            client: client(&options.http)?,
            url,
            user: options.api_key_sid.unwrap_or(options.account_sid),
            secret: options.secret,
            from: options.from,
        })
    }

    async fn post(&self, message: &OutgoingMessage) -> Result<Receipt, SendError> {
        if message.channel != Channel::Sms {
            return Err(SendError::permanent("twilio sends SMS only").at(Step::Settings));
        }
        // Twilio itself drops what it could not hand on while the code was alive.
        let validity = seconds_until(message.now, message.expires_at, 1)
            .min(VALIDITY_MAX)
            .to_string();
        let from = match &self.from {
            TwilioFrom::Number(number) => ("From", number.as_str()),
            TwilioFrom::MessagingService(sid) => ("MessagingServiceSid", sid.as_str()),
        };
        let form = [
            ("To", message.content.to.original()),
            from,
            ("Body", message.content.text.as_str()),
            ("ValidityPeriod", validity.as_str()),
        ];
        let request = self
            .client
            .post(self.url.clone())
            .basic_auth(&self.user, Some(self.secret.expose()))
            .form(&form);
        let response = request
            .send()
            .await
            .map_err(|error| exchange_error(WHO, &error))?;
        if response.status().is_success() {
            // Accepted is accepted, whatever the rest of the answer looks like.
            let body = read_body(WHO, response).await.unwrap_or_default();
            let answer: Answer = serde_json::from_slice(&body).unwrap_or_default();
            return Ok(Receipt::named(answer.sid));
        }
        if response.status() == StatusCode::UNAUTHORIZED {
            return Err(
                SendError::permanent("twilio refused the credentials (401)").at(Step::SignIn)
            );
        }
        let error = status_error(WHO, &response, None);
        let body = read_body(WHO, response).await.unwrap_or_default();
        let answer: Answer = serde_json::from_slice(&body).unwrap_or_default();
        Err(match answer.code {
            Some(code) => named(error, code),
            None => error,
        })
    }
}

/// With Twilio's own number for what went wrong.
fn named(error: SendError, code: u32) -> SendError {
    match error {
        SendError::Permanent { reason, step } => SendError::Permanent {
            reason: format!("{reason}, error {code}").into(),
            step: if RECIPIENT.contains(&code) {
                Step::Recipient
            } else {
                step
            },
        },
        SendError::Temporary {
            reason,
            retry_after,
            step,
        } => SendError::Temporary {
            reason: format!("{reason}, error {code}").into(),
            retry_after,
            step,
        },
    }
}

impl Sender for TwilioSender {
    fn send<'a>(
        &'a self,
        message: &'a OutgoingMessage,
    ) -> BoxFuture<'a, Result<Receipt, SendError>> {
        Box::pin(self.post(message))
    }
}
