//! `doorward delivery`

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::time::iso;
use doorward_service::messages::{
    self, ChannelDelivery, PrefixUsage, Provider, ProviderKind, TestResult,
};
use doorward_service::{Core, Operator};
use serde::Serialize;
use serde_json::Value;

use super::delivery_usage::UsageView;
use super::template::channel;
use super::{find, pages};
use crate::Outcome;
use crate::cli::{DeliveryCommand, Global};
use crate::deployment::{self, Place};
use crate::failure::Failure;
use crate::output::{self, Done, Report, table};
use crate::serve::senders;

/// Largest file of providers.
const FILE_MAX: u64 = 64 * 1024;

/// Runs it.
pub(super) async fn run(global: &Global, command: DeliveryCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(global, &core, &operator, command).await;
    core.store.close().await;
    outcome
}

async fn obey(
    global: &Global,
    core: &Core,
    operator: &Operator,
    command: DeliveryCommand,
) -> Outcome {
    let json = global.json;
    match command {
        DeliveryCommand::Show { of } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let found = messages::delivery(core, operator, app).await?;
            let items = found.into_iter().map(ChannelView::from).collect();
            output::report(json, &DeliveryView { items })
        }
        DeliveryCommand::Set {
            channel: name,
            file,
            if_version,
            of,
        } => {
            let channel = channel(name);
            let providers = messages::parse_providers(channel, read(&file)?)?;
            let app = find::app(core, operator, &of.app).await?.id;
            let set =
                messages::set_delivery(core, operator, app, channel, providers, if_version).await?;
            let items = vec![ChannelView::from(set)];
            output::report(json, &DeliveryView { items })
        }
        DeliveryCommand::Reset {
            channel: name,
            against,
            of,
        } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let version = against.if_version;
            messages::reset_delivery(core, operator, app, channel(name), version).await?;
            output::report(
                json,
                &Done("Done. The deployment's own sender is used again."),
            )
        }
        DeliveryCommand::Usage { of } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let mut usage = messages::sms_usage(core, operator, app, None, 1).await?;
            let prefixes = pages::gather(u32::MAX, None, async |after, room| {
                let most = pages::one_more(room);
                let page = messages::sms_usage(core, operator, app, after, most).await?;
                let place = |last: &PrefixUsage| last.prefix.clone();
                Ok(pages::ended_by_last(page.prefixes, room, place))
            });
            usage.prefixes = prefixes.await?.0;
            output::report(json, &UsageView::from(usage))
        }
        DeliveryCommand::Test { to, of } => {
            let contact = EmailAddress::parse(&to)
                .map(Contact::Email)
                .or_else(|_| PhoneNumber::parse(&to).map(Contact::Phone))
                .map_err(|_| {
                    Failure::usage(format!("`{to}` is no e-mail address and no phone number."))
                })?;
            let app = find::app(core, operator, &of.app).await?.id;
            // What the configuration says of senders is of use here only.
            let config = Place::of(global)
                .or_default_data_dir()
                .load(Vec::new())
                .config;
            let sender = senders::build(&config).map_err(|problem| {
                Failure::configuration("The senders do not work:", &[problem])
            })?;
            core.messages.set_sender(Arc::new(sender));
            let results = messages::test(core, operator, app, contact).await?;
            let failed = results.iter().all(|result| !result.accepted);
            output::report(json, &TestView { results })?;
            if failed {
                return Err(Failure::failed(
                    "NOT_ACCEPTED",
                    "No provider took the message.",
                ));
            }
            Ok(())
        }
    }
}

/// A list of providers, or what `delivery show --json` prints of one channel.
fn read(path: &Path) -> Outcome<Vec<Value>> {
    let unreadable =
        |error: std::io::Error| Failure::usage(format!("Cannot read {}: {error}", path.display()));
    let mut text = String::new();
    if path == Path::new("-") {
        let mut input = std::io::stdin().lock().take(FILE_MAX);
        input.read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let mut file = std::fs::File::open(path)
            .map_err(unreadable)?
            .take(FILE_MAX);
        file.read_to_string(&mut text).map_err(unreadable)?;
    }
    let value: Value = serde_json::from_str(&text)
        .map_err(|_| Failure::usage(format!("{} holds no JSON.", path.display())))?;
    match value {
        Value::Array(list) => Ok(list),
        Value::Object(mut object) => match object.remove("providers") {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(Failure::usage(
                "The file holds no list of providers.".to_owned(),
            )),
        },
        _ => Err(Failure::usage(
            "The file holds no list of providers.".to_owned(),
        )),
    }
}

/// Who carries an app's messages of one channel.
#[derive(Serialize)]
struct ChannelView {
    channel: &'static str,
    providers: Vec<Provider>,
    version: i64,
    updated_at: Option<String>,
}

impl From<ChannelDelivery> for ChannelView {
    fn from(delivery: ChannelDelivery) -> Self {
        Self {
            channel: delivery.channel.as_str(),
            providers: delivery.providers,
            version: delivery.version,
            updated_at: delivery.updated_at.map(iso),
        }
    }
}

/// Who carries an app's messages.
#[derive(Serialize)]
struct DeliveryView {
    items: Vec<ChannelView>,
}

impl Report for DeliveryView {
    fn human(&self) -> String {
        let mut rows = Vec::new();
        for item in &self.items {
            if item.providers.is_empty() {
                let sender = "the deployment's sender".to_owned();
                let none = String::new;
                rows.push([item.channel.to_owned(), sender, none(), none(), none()]);
            }
            for provider in &item.providers {
                rows.push([
                    item.channel.to_owned(),
                    provider.id.clone(),
                    provider.kind.as_str().to_owned(),
                    host(provider),
                    provider
                        .secret_set_at
                        .clone()
                        .unwrap_or_else(|| "none".to_owned()),
                ]);
            }
        }
        let head = ["CHANNEL", "PROVIDER", "KIND", "HOST", "SECRET SET AT"];
        table(head, &rows)
    }
}

/// Where a provider is reached.
fn host(provider: &Provider) -> String {
    match &provider.kind {
        ProviderKind::Smtp(smtp) => format!("{}:{}", smtp.host, smtp.port),
        ProviderKind::Twilio(twilio) => match &twilio.base_url {
            Some(url) => url.to_string(),
            None => "Twilio".to_owned(),
        },
        ProviderKind::Webhook(hook) => hook.url.to_string(),
    }
}

/// What came of a test message.
#[derive(Serialize)]
struct TestView {
    results: Vec<TestResult>,
}

impl Report for TestView {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .results
            .iter()
            .map(|result| {
                [
                    result
                        .provider
                        .clone()
                        .unwrap_or_else(|| "the deployment's sender".to_owned()),
                    if result.accepted {
                        "accepted"
                    } else {
                        "failed"
                    }
                    .to_owned(),
                    result
                        .failed_step
                        .map_or_else(String::new, |step| step.as_str().to_owned()),
                    result.reason.clone().unwrap_or_default(),
                ]
            })
            .collect();
        table(["PROVIDER", "RESULT", "STEP", "REASON"], &rows)
    }
}
