//! SMS through Twilio's Messages resource, or anything that speaks the same HTTP.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use doorward_domain::contact::Channel;
use doorward_domain::secret::SecretText;
use doorward_domain::time::seconds_until;
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use super::http::{HttpOptions, check_url, client, exchange_error, read_body, status_error};
use super::{Fate, OptionsError, Receipt, Report, Said, SendError, Sender, Step};
use crate::BoxFuture;
use crate::message::OutgoingMessage;

const WHO: &str = "twilio";

/// Twilio's header with the signature of a report.
const SIGNATURE: &str = "x-twilio-signature";

/// Longest `ValidityPeriod` Twilio accepts, in seconds.
const VALIDITY_MAX: i64 = 36_000;

/// What Twilio says of a recipient that no provider would reach: not a number, not valid, cannot
/// receive, has opted out, is no mobile.
const RECIPIENT: [u32; 5] = [21211, 21214, 21217, 21610, 21614];

/// What Twilio learns later of a recipient that no provider would reach: has blocked the sender, does
/// not exist, is a landline, has opted out.
const REJECTED: [&str; 4] = ["30004", "30005", "30006", "21610"];

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
    /// Checks reports: Twilio signs them with the account's auth token, which is not known where an
    /// API key signs in.
    report_key: Option<hmac::Key>,
    /// Whether the API is Twilio's own, which takes a public https URL only.
    own_api: bool,
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
            report_key: options.api_key_sid.is_none().then(|| {
                let token = options.secret.expose().as_bytes();
                hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token)
            }),
            own_api: url
                .host_str()
                .is_some_and(|host| host == "twilio.com" || host.ends_with(".twilio.com")),
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
        let mut form = vec![
            ("To", message.content.to.original()),
            from,
            ("Body", message.content.text.as_str()),
            ("ValidityPeriod", validity.as_str()),
        ];
        // Twilio refuses a message whose callback it cannot reach.
        let report_url = message.report_url.as_deref().filter(|url| {
            self.report_key.is_some() && (!self.own_api || url.starts_with("https://"))
        });
        form.extend(report_url.map(|url| ("StatusCallback", url)));
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

    fn reports(&self, channel: Channel) -> bool {
        channel == Channel::Sms && self.report_key.is_some()
    }

    fn read_report(&self, _: Channel, report: &Report<'_>) -> Option<Said> {
        let key = self.report_key.as_ref()?;
        let signature = BASE64_STANDARD.decode(report.header(SIGNATURE)?).ok()?;
        let mut form: Vec<_> = url::form_urlencoded::parse(report.body).collect();
        form.sort_unstable();
        form.dedup();
        if !spellings(report.url).any(|url| is_signed(key, &url, &form, &signature)) {
            return None;
        }
        let field = |name: &str| {
            let found = form.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.to_string())
        };
        let code = field("ErrorCode");
        let rejected = code.as_deref().is_some_and(|code| REJECTED.contains(&code));
        let fate = match field("MessageStatus")?.as_str() {
            "delivered" | "read" => Fate::Delivered,
            "failed" | "undelivered" if rejected => Fate::Rejected,
            "failed" | "undelivered" | "canceled" => Fate::Failed,
            _ => Fate::OnItsWay,
        };
        Some(Said::new(fate, field("MessageSid"), code))
    }
}

/// Twilio's signature of a form: HMAC-SHA1, by the auth token, of the URL and then each name and value,
/// sorted, with nothing between them.
fn is_signed(
    key: &hmac::Key,
    url: &str,
    form: &[(Cow<'_, str>, Cow<'_, str>)],
    signature: &[u8],
) -> bool {
    let mut signed = url.to_owned();
    for (name, value) in form {
        signed.push_str(name);
        signed.push_str(value);
    }
    hmac::verify(key, signed.as_bytes(), signature).is_ok()
}

/// The URL as it was given, and with the port said where it was not, or the other way round: Twilio
/// signs what it called, and is known to add or drop the port.
fn spellings(url: &str) -> impl Iterator<Item = String> {
    let other = Url::parse(url).ok().and_then(|parsed| {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let bare = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        };
        Some(if bare == authority {
            let port = parsed.port_or_known_default()?;
            format!("{scheme}://{authority}:{port}{path}")
        } else {
            format!("{scheme}://{bare}{path}")
        })
    });
    std::iter::once(url.to_owned()).chain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_twilios() {
        // The example of Twilio's documentation and of its libraries' tests.
        let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
        let mut form: Vec<(Cow<'_, str>, Cow<'_, str>)> = [
            ("CallSid", "CA1234567890ABCDE"),
            ("From", "+12349013030"),
            ("To", "+18005551212"),
            ("Caller", "+12349013030"),
            ("Digits", "1234"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        form.sort_unstable();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
        let signature = BASE64_STANDARD
            .decode("0/KCTR6DLpKmkAf8muzZqo1nDgQ=")
            .unwrap();
        assert!(is_signed(&key, url, &form, &signature));
        assert!(!is_signed(
            &key,
            "https://mycompany.com/",
            &form,
            &signature
        ));
        assert!(!is_signed(&key, url, &form[1..], &signature));
        assert!(!is_signed(&key, url, &form, &signature[1..]));
    }

    #[test]
    fn ports_may_be_said_or_not() {
        let both = |url: &str| spellings(url).collect::<Vec<_>>();
        assert_eq!(
            both("https://a.example/x?y=1"),
            ["https://a.example/x?y=1", "https://a.example:443/x?y=1"]
        );
        assert_eq!(
            both("https://a.example:8443/x"),
            ["https://a.example:8443/x", "https://a.example/x"]
        );
        assert_eq!(
            both("https://[2001:db8::1]/x"),
            ["https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"]
        );
    }
}
