//! Who carries mails and text messages.

use doorward_domain::contact::{Contact, EmailAddress};
use doorward_domain::secret::SecretText;
use ipnet::IpNet;
use url::Url;

use crate::config::reader::Reader;
use crate::config::{Variable, registry};

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// Plain first, then STARTTLS, or nothing at all is sent (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314 §3).
    Implicit,
    /// Not at all.
    None,
}

/// `[smtp]`
#[derive(Debug, Clone)]
pub(crate) struct Smtp {
    /// Host name; the certificate must bear it.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// Protection.
    pub(crate) tls: Security,
    /// User and password.
    pub(crate) credentials: Option<(String, SecretText)>,
    /// Sender.
    pub(crate) from: String,
}

/// An endpoint of the operator's own that takes messages.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    /// Where.
    pub(crate) url: Url,
    /// Key of the signature.
    pub(crate) secret: SecretText,
}

/// `[smtp]` or `[email_webhook]`
#[derive(Debug, Clone)]
pub(crate) enum Email {
    /// A mail server.
    Smtp(Smtp),
    /// The operator's own endpoint.
    Webhook(Webhook),
}

/// `[sms]` with `[twilio]` or `[sms_webhook]`
#[derive(Debug, Clone)]
pub(crate) enum Sms {
    /// Twilio's Messages API.
    Twilio {
        /// Account.
        account_sid: String,
        /// API key, if not the account itself signs in.
        api_key_sid: Option<String>,
        /// Its token.
        auth_token: SecretText,
        /// Number or messaging service.
        from: String,
        /// Where the API is.
        base_url: Url,
    },
    /// The operator's own endpoint.
    Webhook(Webhook),
}

/// Both.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Mail, when it is set up.
    pub(crate) email: Option<Email>,
    /// Text messages, when they are set up.
    pub(crate) sms: Option<Sms>,
    /// Networks that are not public in which apps' own servers may be.
    pub(crate) networks: Vec<IpNet>,
    /// An endpoint that is told of alarms.
    pub(crate) alarm_webhook: Option<Webhook>,
    /// A mailbox that is told of alarms.
    pub(crate) alarm_email: Option<Contact>,
    /// Whether every message is captured; `doorward dev` says so.
    pub(crate) captured: bool,
}

impl Delivery {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            email: email(reader),
            sms: sms(reader),
            networks: networks(reader),
            alarm_webhook: alarm_webhook(reader),
            alarm_email: alarm_email(reader),
            captured: false,
        }
    }
}

fn alarm_webhook(reader: &mut Reader<'_>) -> Option<Webhook> {
    use registry::{ALARM_WEBHOOK_SECRET, ALARM_WEBHOOK_URL};

    let wanted = reader.is_set(&ALARM_WEBHOOK_URL) || reader.is_set(&ALARM_WEBHOOK_SECRET);
    webhook(reader, &ALARM_WEBHOOK_URL, &ALARM_WEBHOOK_SECRET, wanted)
}

fn alarm_email(reader: &mut Reader<'_>) -> Option<Contact> {
    let text = reader.text(&registry::ALARM_EMAIL)?;
    match EmailAddress::parse(&text) {
        Ok(address) => Some(Contact::Email(address)),
        Err(error) => {
            reader.problem(&registry::ALARM_EMAIL, error.to_string());
            None
        }
    }
}

fn networks(reader: &mut Reader<'_>) -> Vec<IpNet> {
    let mut networks = Vec::new();
    for item in reader.list(&registry::DELIVERY_NETWORKS) {
        let text = item.expose();
        match text.parse::<IpNet>() {
            Ok(network) => networks.push(network),
            Err(_) => reader.problem(
                &registry::DELIVERY_NETWORKS,
                format!("`{text}` is no IP range such as 10.1.0.0/16"),
            ),
        }
    }
    networks
}

fn email(reader: &mut Reader<'_>) -> Option<Email> {
    use registry::{EMAIL_WEBHOOK_SECRET, EMAIL_WEBHOOK_URL};

    let smtp = smtp(reader);
    let hook_set = reader.is_set(&EMAIL_WEBHOOK_URL) || reader.is_set(&EMAIL_WEBHOOK_SECRET);
    let hook = webhook(reader, &EMAIL_WEBHOOK_URL, &EMAIL_WEBHOOK_SECRET, hook_set);
    if smtp.is_some() && hook_set {
        reader.problem(
            &EMAIL_WEBHOOK_URL,
            "a mail server is set too; keep one of the two",
        );
    }
    smtp.map(Email::Smtp).or(hook.map(Email::Webhook))
}

fn webhook(
    reader: &mut Reader<'_>,
    url: &Variable,
    secret: &Variable,
    wanted: bool,
) -> Option<Webhook> {
    const SHORTEST: usize = 32;
    let (place, key) = (reader.url(url), reader.secret(secret));
    if !wanted {
        return None;
    }
    for variable in [url, secret] {
        if !reader.is_set(variable) {
            reader.problem(variable, "must be set for the webhook to work");
        }
    }
    if key
        .as_ref()
        .is_some_and(|key| key.expose().len() < SHORTEST)
    {
        reader.problem(secret, format!("must have at least {SHORTEST} characters"));
    }
    Some(Webhook {
        url: place?,
        secret: key?,
    })
}

fn smtp(reader: &mut Reader<'_>) -> Option<Smtp> {
    use registry::{SMTP_FROM, SMTP_HOST, SMTP_PASSWORD, SMTP_PORT, SMTP_TLS, SMTP_URL, SMTP_USER};

    let url = reader.text(&SMTP_URL);
    let host = reader.text(&SMTP_HOST);
    let tls = match reader.choice(&SMTP_TLS) {
        "implicit" => Security::Implicit,
        "none" => Security::None,
        _ => Security::StartTls,
    };
    let port = reader.text(&SMTP_PORT).map(|_| reader.number(&SMTP_PORT));
    let (user, password) = (reader.text(&SMTP_USER), reader.secret(&SMTP_PASSWORD));
    let signs_in = user.is_some() || password.is_some();
    let from = reader.text(&SMTP_FROM);
    let credentials = match (user, password) {
        (Some(user), Some(password)) => Some((user, password)),
        (Some(_), None) => {
            reader.problem(&SMTP_PASSWORD, "must be set, because a mail user is set");
            None
        }
        (None, Some(_)) => {
            reader.problem(&SMTP_USER, "must be set, because a mail password is set");
            None
        }
        (None, None) => None,
    };
    let server = match (url, host) {
        (None, None) => {
            if from.is_some() || signs_in {
                reader.problem(&SMTP_HOST, "must be set, because other mail settings are");
            }
            return None;
        }
        (Some(url), None) => {
            for other in [&SMTP_PORT, &SMTP_USER, &SMTP_PASSWORD, &SMTP_TLS] {
                if reader.is_set(other) {
                    reader.problem(other, format!("is already said by {}", SMTP_URL.env));
                }
            }
            from_url(reader, &url)
        }
        (None, Some(host)) => {
            let port = port.unwrap_or(default_port(tls));
            Some(Smtp {
                host,
                port,
                tls,
                credentials,
                from: String::new(),
            })
        }
        (Some(_), Some(_)) => {
            reader.problem(&SMTP_HOST, format!("is already said by {}", SMTP_URL.env));
            None
        }
    };
    let Some(from) = from else {
        reader.problem(&SMTP_FROM, "must be set, because a mail server is set");
        return None;
    };
    server.map(|server| Smtp { from, ..server })
}

const fn default_port(tls: Security) -> u16 {
    match tls {
        Security::Implicit => 465,
        Security::StartTls => 587,
        Security::None => 25,
    }
}

fn from_url(reader: &mut Reader<'_>, text: &str) -> Option<Smtp> {
    let parsed = Url::parse(text).ok().and_then(|url| {
        let tls = match url.scheme() {
            "smtps" => Security::Implicit,
            "smtp" => Security::StartTls,
            _ => return None,
        };
        let bare = url.query().is_none() && url.fragment().is_none();
        let user = percent_decoded(url.username())?;
        let credentials = match url.password() {
            Some(password) => Some((user, SecretText::new(percent_decoded(password)?))),
            None if user.is_empty() => None,
            None => return None,
        };
        Some(Smtp {
            host: url
                .host_str()
                .filter(|host| !host.is_empty() && bare)?
                .to_owned(),
            port: url.port().unwrap_or(default_port(tls)),
            tls,
            credentials,
            from: String::new(),
        })
    });
    if parsed.is_none() {
        reader.problem(
            &registry::SMTP_URL,
            "must look like smtps://user:password@host:465 or smtp://user:password@host:587 \
             (special characters percent-encoded)",
        );
    }
    parsed
}

fn percent_decoded(text: &str) -> Option<String> {
    // A form decoder reads `+` as a space, which in the user part of a URL it is not.
    let escaped = text.replace('+', "%2B");
    let query = format!("v={}", escaped.replace('&', "%26"));
    let value = url::form_urlencoded::parse(query.as_bytes())
        .next()?
        .1
        .into_owned();
    (!value.contains('\u{fffd}')).then_some(value)
}

fn sms(reader: &mut Reader<'_>) -> Option<Sms> {
    use registry::{
        SMS_PROVIDER, SMS_WEBHOOK_SECRET, SMS_WEBHOOK_URL, TWILIO_ACCOUNT_SID, TWILIO_API_KEY_SID,
        TWILIO_AUTH_TOKEN, TWILIO_BASE_URL, TWILIO_FROM,
    };

    let provider = reader.choice(&SMS_PROVIDER);
    match provider {
        "twilio" => {
            let because = format!("{} is {provider}", SMS_PROVIDER.env);
            let account_sid = reader.needed(&TWILIO_ACCOUNT_SID, &because);
            let api_key_sid = reader.text(&TWILIO_API_KEY_SID);
            let auth_token = SecretText::new(reader.needed(&TWILIO_AUTH_TOKEN, &because));
            let from = reader.needed(&TWILIO_FROM, &because);
            let base_url = reader.url(&TWILIO_BASE_URL)?;
            Some(Sms::Twilio {
                account_sid,
                api_key_sid,
                auth_token,
                from,
                base_url,
            })
        }
        "webhook" => webhook(reader, &SMS_WEBHOOK_URL, &SMS_WEBHOOK_SECRET, true).map(Sms::Webhook),
        _ => None,
    }
}
