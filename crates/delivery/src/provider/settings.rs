//! What is set about a provider. The secret is kept apart, sealed.

use std::time::Duration;

use doorward_domain::contact::Channel;
use doorward_domain::secret::SecretText;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::sender::{
    HttpOptions, Networks, OptionsError, Sender, SmtpCredentials, SmtpOptions, SmtpSender, SmtpTls,
    TwilioFrom, TwilioOptions, TwilioSender, WebhookOptions, WebhookSender,
};

/// Most providers of one channel. With [`TIMEOUT`] for each, all of them fit into one attempt.
pub const MAX_PROVIDERS: usize = 3;

/// Time for one provider.
const TIMEOUT: Duration = Duration::from_secs(9);

/// A provider of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its name inside the app.
    pub id: String,
    /// What it is and how it is reached.
    #[serde(flatten)]
    pub kind: ProviderKind,
    /// When its secret was set, ISO 8601; `None` without one.
    pub secret_set_at: Option<String>,
}

/// What a provider is and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ProviderKind {
    /// A mail server.
    Smtp(SmtpSettings),
    /// Twilio's Messages API, or what speaks the same.
    Twilio(TwilioSettings),
    /// An endpoint of the app's own, for either channel.
    Webhook(WebhookSettings),
}

/// A mail server. Its secret is the password of `username`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmtpSettings {
    /// Host name or address; with TLS the certificate must be for it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `implicit`, `starttls` or `none`.
    pub tls: String,
    /// Who signs in; nobody when `None`.
    pub username: Option<String>,
    /// The address messages come from.
    pub from_address: String,
    /// The name messages come from; the app's own when `None`.
    pub from_name: Option<String>,
    /// Where answers go.
    pub reply_to: Option<String>,
}

/// Twilio. Its secret is the auth token, or the API key's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwilioSettings {
    /// Account (`AC…`).
    pub account_sid: String,
    /// API key (`SK…`), where not the account itself signs in.
    pub api_key_sid: Option<String>,
    /// A number, a sender id, or a messaging service (`MG…`).
    pub from: String,
    /// Where the API is, where not at Twilio.
    pub base_url: Option<Url>,
}

/// An endpoint. Its secret is the key of the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSettings {
    /// Where.
    pub url: Url,
}

impl ProviderKind {
    /// As stored and as shown.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Twilio(_) => "twilio",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Whether it carries messages of this channel.
    #[must_use]
    pub const fn serves(&self, channel: Channel) -> bool {
        matches!(
            (self, channel),
            (Self::Smtp(_), Channel::Email)
                | (Self::Twilio(_), Channel::Sms)
                | (Self::Webhook(_), _)
        )
    }

    /// Whether it cannot work without a secret.
    #[must_use]
    pub const fn needs_secret(&self) -> bool {
        match self {
            Self::Smtp(smtp) => smtp.username.is_some(),
            Self::Twilio(_) | Self::Webhook(_) => true,
        }
    }

    /// Whether a secret that was set for `former` may be used for this one: it then goes to the same
    /// place in the name of the same account. Otherwise whoever may change settings but does not know
    /// the secret could have it sent to a host of his own.
    #[must_use]
    pub fn may_keep_secret_of(&self, former: &Self) -> bool {
        match (self, former) {
            (Self::Smtp(new), Self::Smtp(old)) => {
                (&new.host, new.port, &new.username) == (&old.host, old.port, &old.username)
                    && (new.tls == old.tls || new.tls != "none")
            }
            (Self::Twilio(new), Self::Twilio(old)) => {
                (&new.account_sid, &new.api_key_sid, &new.base_url)
                    == (&old.account_sid, &old.api_key_sid, &old.base_url)
            }
            (Self::Webhook(new), Self::Webhook(old)) => new.url == old.url,
            _ => false,
        }
    }

    /// Makes the sender. Connects to nothing.
    ///
    /// # Errors
    /// [`OptionsError`] when it cannot be used as it is set.
    pub fn sender(
        &self,
        secret: Option<&SecretText>,
        networks: &Networks,
    ) -> Result<Box<dyn Sender>, OptionsError> {
        let http = HttpOptions {
            timeout: TIMEOUT,
            networks: Some(networks.clone()),
            ..HttpOptions::default()
        };
        let needed = || {
            secret
                .cloned()
                .ok_or(OptionsError::new("the secret is missing"))
        };
        Ok(match self {
            Self::Smtp(smtp) => Box::new(SmtpSender::new(&smtp.options(secret, networks)?)?),
            Self::Twilio(twilio) => Box::new(TwilioSender::new(TwilioOptions {
                account_sid: twilio.account_sid.clone(),
                api_key_sid: twilio.api_key_sid.clone(),
                secret: needed()?,
                from: if twilio.from.starts_with("MG") {
                    TwilioFrom::MessagingService(twilio.from.clone())
                } else {
                    TwilioFrom::Number(twilio.from.clone())
                },
                base_url: match &twilio.base_url {
                    Some(url) => url.clone(),
                    None => Url::parse(TwilioOptions::BASE_URL)
                        .map_err(|_| OptionsError::new("Twilio's own URL"))?,
                },
                http,
            })?),
            Self::Webhook(hook) => Box::new(WebhookSender::new(&WebhookOptions {
                url: hook.url.clone(),
                secret: needed()?,
                http,
            })?),
        })
    }
}

impl SmtpSettings {
    fn options(
        &self,
        secret: Option<&SecretText>,
        networks: &Networks,
    ) -> Result<SmtpOptions, OptionsError> {
        let credentials = match &self.username {
            None => None,
            Some(username) => Some(SmtpCredentials {
                username: username.clone(),
                password: secret
                    .cloned()
                    .ok_or(OptionsError::new("the password is missing"))?,
            }),
        };
        Ok(SmtpOptions {
            port: self.port,
            tls: self.protection()?,
            credentials,
            from_name: self.from_name.clone(),
            reply_to: self.reply_to.clone(),
            timeout: TIMEOUT,
            networks: Some(networks.clone()),
            ..SmtpOptions::new(&self.host, &self.from_address)
        })
    }

    fn protection(&self) -> Result<SmtpTls, OptionsError> {
        match self.tls.as_str() {
            "implicit" => Ok(SmtpTls::Implicit),
            "starttls" => Ok(SmtpTls::StartTls),
            "none" => Ok(SmtpTls::None),
            _ => Err(OptionsError::new("tls must be implicit, starttls or none")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp() -> SmtpSettings {
        SmtpSettings {
            host: "mail.example.com".to_owned(),
            port: 587,
            tls: "starttls".to_owned(),
            username: Some("ada".to_owned()),
            from_address: "a@example.com".to_owned(),
            from_name: None,
            reply_to: None,
        }
    }

    #[test]
    fn a_secret_goes_nowhere_else() {
        let old = ProviderKind::Smtp(smtp());
        let kept = |change: fn(&mut SmtpSettings)| {
            let mut new = smtp();
            change(&mut new);
            ProviderKind::Smtp(new).may_keep_secret_of(&old)
        };
        assert!(kept(|_| ()));
        assert!(kept(|new| new.from_name = Some("Shop".to_owned())));
        assert!(kept(|new| new.tls = "implicit".to_owned()));
        assert!(!kept(|new| new.tls = "none".to_owned()));
        assert!(!kept(|new| new.host = "evil.example".to_owned()));
        assert!(!kept(|new| new.port = 25));
        assert!(!kept(|new| new.username = Some("root".to_owned())));
        let hook = |url: &str| {
            ProviderKind::Webhook(WebhookSettings {
                url: url.parse().unwrap(),
            })
        };
        assert!(hook("https://a.example/x").may_keep_secret_of(&hook("https://a.example/x")));
        assert!(!hook("https://a.example/y").may_keep_secret_of(&hook("https://a.example/x")));
        assert!(!hook("https://a.example/x").may_keep_secret_of(&old));
    }

    #[test]
    fn the_stored_form() {
        let provider = Provider {
            id: "main".to_owned(),
            kind: ProviderKind::Smtp(smtp()),
            secret_set_at: None,
        };
        let text = serde_json::to_string(&provider).unwrap();
        assert!(
            text.starts_with(r#"{"id":"main","kind":"smtp","host":"mail.example.com""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Provider>(&text).unwrap(), provider);
    }

    #[test]
    fn senders_stay_outside() {
        let networks = Networks::default();
        let secret = SecretText::new("x".repeat(32));
        for host in ["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254"] {
            let inside = ProviderKind::Smtp(SmtpSettings {
                host: host.to_owned(),
                ..smtp()
            });
            assert!(inside.sender(Some(&secret), &networks).is_err(), "{host}");
        }
        for url in [
            "https://127.1/x",
            "https://[::1]/",
            "https://0x7f.1/",
            "http://mail.example.com/",
        ] {
            let hook = ProviderKind::Webhook(WebhookSettings {
                url: url.parse().unwrap(),
            });
            assert!(hook.sender(Some(&secret), &networks).is_err(), "{url}");
        }
        assert!(
            ProviderKind::Smtp(smtp())
                .sender(Some(&secret), &networks)
                .is_ok()
        );
        assert!(ProviderKind::Smtp(smtp()).sender(None, &networks).is_err());
    }
}
