//! The senders of mail and text messages, as configured.

use std::sync::Arc;

use doorward_delivery::alarms::Alarms;
use doorward_delivery::sender::{
    HttpOptions, OptionsError, Router, Sender, SmtpCredentials, SmtpOptions, SmtpSender, SmtpTls,
    TwilioFrom, TwilioOptions, TwilioSender, WebhookOptions, WebhookSender,
};
use doorward_domain::contact::Channel;

use crate::config::safety::Exception;
use crate::config::sections::{Email, Security, Sms, Smtp, Webhook};
use crate::config::{Config, Problem, Variable, registry};

/// Makes them. Connects to nothing.
///
/// # Errors
/// The setting that a sender does not accept.
pub(crate) fn build(config: &Config) -> Result<Router, Problem> {
    let blame = |variable: &Variable| {
        let name = variable.env;
        move |error: OptionsError| Problem::new(name, error.to_string())
    };
    let mut router = Router::new();
    match &config.delivery.email {
        Some(Email::Smtp(smtp)) => {
            let plaintext = config.server.allow_insecure.contains(&Exception::SmtpTls);
            let options = smtp_options(smtp, plaintext);
            let sender = SmtpSender::new(&options).map_err(blame(&registry::SMTP_FROM))?;
            router = router.with(Channel::Email, Arc::new(sender));
        }
        Some(Email::Webhook(hook)) => {
            let sender = webhook(hook).map_err(blame(&registry::EMAIL_WEBHOOK_URL))?;
            router = router.with(Channel::Email, Arc::new(sender));
        }
        None => {}
    }
    match &config.delivery.sms {
        Some(sms @ Sms::Twilio { .. }) => {
            let sender = twilio(sms).map_err(blame(&registry::TWILIO_ACCOUNT_SID))?;
            if let Some(sender) = sender {
                router = router.with(Channel::Sms, Arc::new(sender));
            }
        }
        Some(Sms::Webhook(hook)) => {
            let sender = webhook(hook).map_err(blame(&registry::SMS_WEBHOOK_URL))?;
            router = router.with(Channel::Sms, Arc::new(sender));
        }
        None => {}
    }
    Ok(router)
}

/// Who is told of alarms. `mail` carries it to the mailbox.
///
/// # Errors
/// The setting that a sender does not accept.
pub(crate) fn alarms(config: &Config, mail: Arc<Router>) -> Result<Alarms, Problem> {
    let delivery = &config.delivery;
    let hook = delivery.alarm_webhook.as_ref().map(webhook).transpose();
    let name = registry::ALARM_WEBHOOK_URL.env;
    let webhook = hook.map_err(|error| Problem::new(name, error.to_string()))?;
    if delivery.alarm_email.is_some() && !mail.serves(Channel::Email) {
        let what = "no mail server is set that could carry it";
        return Err(Problem::new(registry::ALARM_EMAIL.env, what));
    }
    let to = delivery.alarm_email.clone();
    Ok(Alarms::new(
        webhook,
        to.map(|to| (to, mail as Arc<dyn Sender>)),
    ))
}

pub(crate) fn smtp_options(smtp: &Smtp, allow_plaintext: bool) -> SmtpOptions {
    let (name, address) = author(&smtp.from);
    let mut options = SmtpOptions::new(&smtp.host, address);
    options.port = smtp.port;
    options.tls = match smtp.tls {
        Security::Implicit => SmtpTls::Implicit,
        Security::StartTls => SmtpTls::StartTls,
        Security::None => SmtpTls::None,
    };
    options.allow_plaintext = allow_plaintext;
    options.credentials = smtp
        .credentials
        .clone()
        .map(|(username, password)| SmtpCredentials { username, password });
    options.from_name = name;
    options
}

/// `Name <address>`, or the address alone.
fn author(text: &str) -> (Option<String>, &str) {
    match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, address)) => {
            let name = name.trim().trim_matches('"').trim();
            ((!name.is_empty()).then(|| name.to_owned()), address.trim())
        }
        None => (None, text.trim()),
    }
}

fn webhook(hook: &Webhook) -> Result<WebhookSender, OptionsError> {
    WebhookSender::new(&WebhookOptions {
        url: hook.url.clone(),
        secret: hook.secret.clone(),
        http: HttpOptions::default(),
    })
}

fn twilio(sms: &Sms) -> Result<Option<TwilioSender>, OptionsError> {
    let Sms::Twilio {
        account_sid,
        api_key_sid,
        auth_token,
        from,
        base_url,
    } = sms
    else {
        return Ok(None);
    };
    let from = if from.starts_with("MG") {
        TwilioFrom::MessagingService(from.clone())
    } else {
        TwilioFrom::Number(from.clone())
    };
    TwilioSender::new(TwilioOptions {
        account_sid: account_sid.clone(),
        api_key_sid: api_key_sid.clone(),
        secret: auth_token.clone(),
        from,
        base_url: base_url.clone(),
        http: HttpOptions::default(),
    })
    .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors() {
        assert_eq!(author("a@example.com"), (None, "a@example.com"));
        assert_eq!(
            author("\"My shop\" <a@example.com>"),
            (Some("My shop".to_owned()), "a@example.com")
        );
        assert_eq!(author("<a@example.com>"), (None, "a@example.com"));
    }
}
