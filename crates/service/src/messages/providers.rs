//! Reading providers as an operator writes them.

use doorward_delivery::provider::{
    MAX_PROVIDERS, ProviderKind, SmtpSettings, TwilioSettings, WebhookSettings,
};
use doorward_domain::contact::{Channel, EmailAddress};
use doorward_domain::secret::SecretText;
use serde_json::{Map, Value};
use url::Url;

use crate::error::{Error, FieldError, Result};

/// A provider to be set.
#[derive(Debug, Clone)]
pub struct NewProvider {
    /// Its name inside the app.
    pub id: String,
    /// What it is and how it is reached.
    pub kind: ProviderKind,
    /// Its secret; `None` keeps the one before.
    pub secret: Option<SecretText>,
}

/// Reads the providers of a channel, in order.
///
/// # Errors
/// [`doorward_domain::Code::ValidationError`] naming every bad field.
pub fn parse(channel: Channel, list: Vec<Value>) -> Result<Vec<NewProvider>> {
    let mut wrong = Vec::new();
    if !(1..=MAX_PROVIDERS).contains(&list.len()) {
        let message = format!("Must be 1 to {MAX_PROVIDERS} providers");
        return Err(Error::field("providers", message));
    }
    let mut providers: Vec<NewProvider> = Vec::new();
    for (at, value) in list.into_iter().enumerate() {
        let mut reader = Reader {
            place: format!("providers.{at}"),
            object: Map::new(),
            wrong: &mut wrong,
        };
        match value {
            Value::Object(object) => reader.object = object,
            _ => {
                reader.refuse("", "Must be an object");
                continue;
            }
        }
        let provider = provider(&mut reader, channel);
        reader.refuse_unknown();
        let Some(provider) = provider else { continue };
        if providers.iter().any(|other| other.id == provider.id) {
            reader.refuse("id", "Is taken by another provider");
        }
        providers.push(provider);
    }
    if wrong.is_empty() {
        Ok(providers)
    } else {
        Err(Error::validation(wrong))
    }
}

fn provider(reader: &mut Reader<'_>, channel: Channel) -> Option<NewProvider> {
    let id = reader.required("id", 32);
    if let Some(id) = &id
        && !id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        reader.refuse("id", "Must be 1 to 32 characters of a-z, 0-9 and -");
    }
    let kind = reader.required("kind", 16);
    let secret = reader.optional("secret", 1_024).map(SecretText::new);
    let kind = match kind?.as_str() {
        "smtp" => smtp(reader).map(ProviderKind::Smtp),
        "twilio" => twilio(reader).map(ProviderKind::Twilio),
        "webhook" => reader
            .url("url", true)
            .map(|url| ProviderKind::Webhook(WebhookSettings { url })),
        _ => {
            reader.refuse("kind", "Must be smtp, twilio or webhook");
            reader.object.clear();
            None
        }
    }?;
    if !kind.serves(channel) {
        let message = format!("Does not carry {}", channel.as_str());
        reader.refuse("kind", message);
    }
    if secret.is_some() && !kind.needs_secret() {
        reader.refuse("secret", "Is of no use without a username");
    }
    Some(NewProvider {
        id: id?,
        kind,
        secret,
    })
}

fn smtp(reader: &mut Reader<'_>) -> Option<SmtpSettings> {
    let host = reader.required("host", 253);
    let tls = reader.optional("tls", 16);
    let tls = tls.unwrap_or_else(|| "starttls".to_owned());
    let usual = match tls.as_str() {
        "implicit" => 465,
        "starttls" => 587,
        "none" => 25,
        _ => {
            reader.refuse("tls", "Must be implicit, starttls or none");
            0
        }
    };
    let port = match reader.object.remove("port") {
        None | Some(Value::Null) => usual,
        Some(value) => {
            let port = value.as_u64().and_then(|port| u16::try_from(port).ok());
            port.filter(|port| *port > 0).unwrap_or_else(|| {
                reader.refuse("port", "Must be a whole number from 1 to 65535");
                0
            })
        }
    };
    let username = reader.optional("username", 256);
    let from_address = reader.required("from_address", 254);
    let from_name = reader.optional("from_name", 100);
    let reply_to = reader.optional("reply_to", 254);
    for (field, address) in [("from_address", &from_address), ("reply_to", &reply_to)] {
        if address
            .as_deref()
            .is_some_and(|address| EmailAddress::parse(address).is_err())
        {
            reader.refuse(field, "Must be an e-mail address");
        }
    }
    Some(SmtpSettings {
        host: host?,
        port,
        tls,
        username,
        from_address: from_address?,
        from_name,
        reply_to,
    })
}

fn twilio(reader: &mut Reader<'_>) -> Option<TwilioSettings> {
    let account_sid = reader.required("account_sid", 64);
    let api_key_sid = reader.optional("api_key_sid", 64);
    let from = reader.required("from", 64);
    let base_url = reader.url("base_url", false);
    Some(TwilioSettings {
        account_sid: account_sid?,
        api_key_sid,
        from: from?,
        base_url,
    })
}

/// Takes the fields of one provider and remembers every one that is wrong.
struct Reader<'a> {
    place: String,
    object: Map<String, Value>,
    wrong: &'a mut Vec<FieldError>,
}

impl Reader<'_> {
    fn refuse(&mut self, field: &str, message: impl Into<std::borrow::Cow<'static, str>>) {
        let place = match field {
            "" => self.place.clone(),
            field => format!("{}.{field}", self.place),
        };
        self.wrong.push(FieldError::new(place, message));
    }

    /// One line of at most `most` characters. `null` counts as absent.
    fn optional(&mut self, field: &str, most: usize) -> Option<String> {
        match self.object.remove(field)? {
            Value::Null => None,
            Value::String(text)
                if (1..=most).contains(&text.chars().count())
                    && !text.chars().any(char::is_control) =>
            {
                Some(text)
            }
            Value::String(_) => {
                self.refuse(field, format!("Must be one line of 1 to {most} characters"));
                None
            }
            _ => {
                self.refuse(field, "Must be a string");
                None
            }
        }
    }

    fn required(&mut self, field: &str, most: usize) -> Option<String> {
        let before = self.wrong.len();
        let value = self.optional(field, most);
        if value.is_none() && self.wrong.len() == before {
            self.refuse(field, "Is required");
        }
        value
    }

    fn url(&mut self, field: &str, required: bool) -> Option<Url> {
        let text = if required {
            self.required(field, 2_048)
        } else {
            self.optional(field, 2_048)
        };
        match Url::parse(&text?) {
            Ok(url) => Some(url),
            Err(_) => {
                self.refuse(field, "Must be a URL");
                None
            }
        }
    }

    fn refuse_unknown(&mut self) {
        // `secret_set_at` is what reading shows: what was read can be sent back.
        self.object.remove("secret_set_at");
        for (field, _) in std::mem::take(&mut self.object).into_iter().take(16) {
            let field: String = field.chars().take(64).collect();
            self.refuse(&field, "Is not known here");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(channel: Channel, list: Value) -> Vec<String> {
        let Value::Array(list) = list else { panic!() };
        match parse(channel, list) {
            Ok(_) => Vec::new(),
            Err(error) => error
                .details()
                .iter()
                .map(|d| d.field.to_string())
                .collect(),
        }
    }

    #[test]
    fn good_ones() {
        let mail = json!([
            {"id": "main", "kind": "smtp", "host": "mail.example.com", "username": "ada",
             "secret": "x", "from_address": "a@example.com", "from_name": "Shop",
             "reply_to": "b@example.com", "secret_set_at": null},
            {"id": "relay", "kind": "smtp", "host": "10.0.0.1", "tls": "none", "port": 2525,
             "from_address": "a@example.com", "username": null},
            {"id": "hook", "kind": "webhook", "url": "https://example.com/x"},
        ]);
        assert_eq!(fields(Channel::Email, mail), [] as [&str; 0]);
        let sms = json!([{"id": "t", "kind": "twilio", "account_sid": "AC1", "from": "+14155552671",
                          "secret": "x"}]);
        assert_eq!(fields(Channel::Sms, sms), [] as [&str; 0]);
    }

    #[test]
    fn every_bad_field_is_named() {
        let bad = json!([
            {"id": "A", "kind": "smtp", "tls": "ssl", "port": 0, "host": "a\nb",
             "from_address": "x", "reply_to": 5, "secret": "x", "nonsense": 1},
            {"kind": "pigeon", "id": "p"},
            "x",
        ]);
        assert_eq!(
            fields(Channel::Email, bad),
            [
                "providers.0.id",
                "providers.0.host",
                "providers.0.tls",
                "providers.0.port",
                "providers.0.reply_to",
                "providers.0.from_address",
                "providers.0.nonsense",
                "providers.1.kind",
                "providers.2",
            ]
        );
        let twice = json!([
            {"id": "a", "kind": "webhook", "url": "https://a.example"},
            {"id": "a", "kind": "twilio", "account_sid": "AC1", "from": "x"},
        ]);
        assert_eq!(
            fields(Channel::Email, twice),
            ["providers.1.kind", "providers.1.id"]
        );
        assert_eq!(fields(Channel::Sms, json!([])), ["providers"]);
        let url = json!([{"id": "a", "kind": "webhook", "url": "nowhere"}]);
        assert_eq!(fields(Channel::Sms, url), ["providers.0.url"]);
    }
}
