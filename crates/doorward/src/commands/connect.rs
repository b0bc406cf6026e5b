//! `doorward config check --connect`: whether what the settings name can be reached.

use std::time::Duration;

use doorward_delivery::sender::SmtpSender;
use doorward_service::signing;
use serde::Serialize;
use url::Url;

use crate::Outcome;
use crate::config::Config;
use crate::config::safety::Exception;
use crate::config::sections::{Database, Email, Sms};
use crate::deployment::{self, Missing};
use crate::doctor::ports;
use crate::failure::Failure;
use crate::serve::senders;

const PATIENCE: Duration = Duration::from_secs(5);

/// One attempt.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    /// What was to be reached.
    pub(super) to: &'static str,
    /// Whether it was.
    pub(super) ok: bool,
    /// What was seen there.
    pub(super) seen: String,
}

impl Tried {
    fn new(to: &'static str, outcome: Result<String, String>) -> Self {
        let ok = outcome.is_ok();
        let seen = outcome.unwrap_or_else(|why| why);
        Self { to, ok, seen }
    }
}

/// Tries everything the settings name. Changes and sends nothing.
pub(super) async fn all(config: &Config) -> Vec<Tried> {
    let mut tried = Vec::new();
    for (to, face, listen) in [
        ("public port", ports::PUBLIC, config.server.listen),
        ("operator port", ports::OPERATOR, config.admin.listen),
    ] {
        let found = ports::look(face, listen).await;
        let outcome = match found.advice {
            None => Ok(found.seen),
            Some(advice) => Err(format!("{}. {advice}", found.seen)),
        };
        tried.push(Tried::new(to, outcome));
    }
    if config.database.is_some() {
        let outcome = Box::pin(database(config))
            .await
            .map_err(|failure| failure.human());
        tried.push(Tried::new("database", outcome));
    }
    match &config.delivery.email {
        Some(Email::Smtp(smtp)) => {
            let plaintext = config.server.allow_insecure.contains(&Exception::SmtpTls);
            let options = senders::smtp_options(smtp, plaintext);
            let outcome = match SmtpSender::new(&options) {
                Err(error) => Err(error.to_string()),
                Ok(sender) => sender.probe().await.map_err(|error| error.to_string()),
            };
            let good = format!("{}:{} takes mail from here", smtp.host, smtp.port);
            tried.push(Tried::new("smtp", outcome.map(|()| good)));
        }
        Some(Email::Webhook(hook)) => {
            tried.push(Tried::new("email_webhook", port(&hook.url).await))
        }
        None => {}
    }
    match &config.delivery.sms {
        Some(Sms::Twilio { base_url, .. }) => {
            tried.push(Tried::new("twilio", port(base_url).await))
        }
        Some(Sms::Webhook(hook)) => tried.push(Tried::new("sms_webhook", port(&hook.url).await)),
        None => {}
    }
    tried
}

async fn database(config: &Config) -> Outcome<String> {
    if let Some(Database::Sqlite(options)) = &config.database
        && !options.path.exists()
    {
        let path = options.path.display();
        let parent = options.path.parent();
        let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
        return match parent.is_none_or(std::path::Path::is_dir) {
            true => Ok(format!(
                "{path} does not exist yet; `doorward serve` makes it"
            )),
            false => Err(Failure::failed(
                "NO_DATABASE",
                format!("the directory of {path} does not exist: make it for the server's user"),
            )),
        };
    }
    let store = deployment::open_store(config, Missing::Refuse).await?;
    let look = async {
        let status = store.migration_status().await?;
        let schema = format!("schema version {} of {}", status.current, status.latest);
        if status.current == 0 {
            return Ok(format!("{schema}: empty; `doorward serve` fills it"));
        }
        let keyring = config.keys.keyring();
        let keys = match keyring.map_err(|error| Failure::configuration(error.to_string(), &[]))? {
            Some(keyring) => signing::try_keys(&store, &keyring).await?,
            None => return Ok(schema),
        };
        Ok(format!(
            "{schema}; the master key opens {keys} signing keys"
        ))
    };
    let seen = Box::pin(look).await;
    store.close().await;
    seen
}

/// Whether somebody listens there: nothing is asked, for an answer might cost money.
async fn port(url: &Url) -> Result<String, String> {
    let addresses = url
        .socket_addrs(|| None)
        .map_err(|error| error.to_string())?;
    let place = url.host_str().unwrap_or_default();
    let connect = tokio::net::TcpStream::connect(addresses.as_slice());
    match tokio::time::timeout(PATIENCE, connect).await {
        Ok(Ok(_)) => Ok(format!("{place} listens")),
        Ok(Err(error)) => Err(format!("{place}: {error}")),
        Err(_) => Err(format!(
            "{place} does not answer within {} s",
            PATIENCE.as_secs()
        )),
    }
}
