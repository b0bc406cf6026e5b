//! Who carries an app's messages.

use std::sync::Arc;

use doorward_delivery::provider::{Provider, ProviderSecrets, open_secrets, seal_secrets};
use doorward_domain::audit::Action;
use doorward_domain::contact::Channel;
use doorward_domain::scope::Scope;
use doorward_domain::time::iso;
use doorward_domain::{AppId, Code, Timestamp};
use doorward_store::app::StoredDelivery;

use super::providers::NewProvider;
use super::{hold, unchanged};
use crate::caller::{Caller, Here};
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, FieldError, Result};

/// Who carries an app's messages of one channel.
#[derive(Debug, Clone)]
pub struct ChannelDelivery {
    /// Which channel.
    pub channel: Channel,
    /// The app's own providers, in the order in which they are asked; empty for the deployment's
    /// own sender. Without their secrets.
    pub providers: Vec<Provider>,
    /// Grows with every change; 0 without providers.
    pub version: i64,
    /// Last change; `None` without providers.
    pub updated_at: Option<Timestamp>,
}

impl ChannelDelivery {
    const fn none(channel: Channel) -> Self {
        Self {
            channel,
            providers: Vec::new(),
            version: 0,
            updated_at: None,
        }
    }

    fn stored(stored: &StoredDelivery) -> Result<Self> {
        Ok(Self {
            channel: stored.channel,
            providers: parse(stored)?,
            version: stored.version,
            updated_at: Some(stored.updated_at),
        })
    }
}

fn parse(stored: &StoredDelivery) -> Result<Vec<Provider>> {
    serde_json::from_str(&stored.providers)
        .map_err(|error| Error::internal(format!("providers of an app: {error}")))
}

/// Both channels. No secret comes out.
///
/// # Errors
/// [`Code::Forbidden`] without `delivery:read`; [`Code::AppNotFound`].
pub async fn show(core: &Core, operator: &Operator, app_id: AppId) -> Result<Vec<ChannelDelivery>> {
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::DeliveryRead, |here, tx| {
        let stored = tx.app(here.app.id).delivery_settings()?;
        Channel::ALL
            .into_iter()
            .map(|channel| {
                let found = stored.iter().find(|stored| stored.channel == channel);
                found.map_or_else(
                    || Ok(ChannelDelivery::none(channel)),
                    ChannelDelivery::stored,
                )
            })
            .collect()
    })
    .await
}

/// Sets the providers of a channel, in place of those before. A provider without a secret keeps the
/// one that was set under its id, as long as it leads to the same place and account.
///
/// # Errors
/// [`Code::Forbidden`] without `delivery:write`; [`Code::AppNotFound`]; [`Code::ValidationError`]
/// naming every bad field; [`Code::Conflict`] when they were changed since `expected` was read.
pub async fn set(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    channel: Channel,
    providers: Vec<NewProvider>,
    expected: Option<i64>,
) -> Result<ChannelDelivery> {
    let (keyring, networks) = (Arc::clone(&core.keyring), core.messages.networks().clone());
    let caller = Caller::Operator(operator, app_id);
    let providers = Arc::new(providers);
    let set = core
        .write_as(caller, Scope::DeliveryWrite, move |here, tx| {
            let version = hold(here, tx)?;
            let mut scope = tx.app(here.app.id);
            let former = scope
                .delivery_settings()?
                .into_iter()
                .find(|stored| stored.channel == channel);
            unchanged(expected, former.as_ref().map(|former| former.version))?;
            let before = match &former {
                None => (Vec::new(), ProviderSecrets::new()),
                Some(former) => (
                    parse(former)?,
                    // Secrets that a lost key sealed are to be set anew, not in the way.
                    open_secrets(&keyring, app_id, channel, &former.sealed).unwrap_or_default(),
                ),
            };
            let (after, secrets) = merged(here, &providers, &before)?;
            for (at, provider) in after.iter().enumerate() {
                provider
                    .kind
                    .sender(secrets.get(&provider.id), &networks)
                    .map_err(|error| Error::field(format!("providers.{at}"), error.to_string()))?;
            }
            let stored = StoredDelivery {
                channel,
                providers: serde_json::to_string(&after)
                    .map_err(|error| Error::internal(error.to_string()))?,
                sealed: seal_secrets(&keyring, app_id, channel, &secrets, &*here.context.random),
                version,
                updated_at: here.now(),
            };
            scope.put_delivery_settings(&stored)?;
            let event = here
                .event(Action::DeliveryChanged)
                .on("channel", channel.as_str());
            scope.audit(&event.with(details(&after, &providers)))?;
            Ok(Ok(ChannelDelivery {
                channel,
                providers: after,
                version,
                updated_at: Some(stored.updated_at),
            }))
        })
        .await?;
    core.changed(app_id);
    Ok(set)
}

/// What is new, with the secrets that it keeps.
fn merged(
    here: &Here,
    providers: &[NewProvider],
    (former, secrets): &(Vec<Provider>, ProviderSecrets),
) -> Result<(Vec<Provider>, ProviderSecrets)> {
    let (mut after, mut kept, mut wrong) = (Vec::new(), ProviderSecrets::new(), Vec::new());
    for (at, new) in providers.iter().enumerate() {
        let known = former.iter().find(|former| former.id == new.id);
        let same_place = known.filter(|known| new.kind.may_keep_secret_of(&known.kind));
        let old = same_place.and_then(|known| Some((secrets.get(&new.id)?, &known.secret_set_at)));
        let (secret, set_at) = match (&new.secret, old) {
            _ if !new.kind.needs_secret() => (None, None),
            (Some(secret), _) => (Some(secret.clone()), Some(iso(here.now()))),
            (None, Some((secret, set_at))) => (Some(secret.clone()), set_at.clone()),
            (None, None) => {
                let message = match known {
                    Some(_) => "Is required again, because the provider leads somewhere else now",
                    None => "Is required",
                };
                wrong.push(FieldError::new(format!("providers.{at}.secret"), message));
                continue;
            }
        };
        if let Some(secret) = secret {
            kept.insert(new.id.clone(), secret);
        }
        after.push(Provider {
            id: new.id.clone(),
            kind: new.kind.clone(),
            secret_set_at: set_at,
        });
    }
    if wrong.is_empty() {
        Ok((after, kept))
    } else {
        Err(Error::validation(wrong))
    }
}

fn details(after: &[Provider], given: &[NewProvider]) -> serde_json::Value {
    let providers: Vec<_> = after
        .iter()
        .map(|provider| serde_json::json!({ "id": provider.id, "kind": provider.kind.as_str() }))
        .collect();
    let secrets: Vec<_> = given
        .iter()
        .filter(|provider| provider.secret.is_some())
        .map(|provider| provider.id.as_str())
        .collect();
    serde_json::json!({ "providers": providers, "secrets_set": secrets })
}

/// Forgets the providers of a channel, and their secrets: the deployment's own sender carries its
/// messages again.
///
/// # Errors
/// [`Code::Forbidden`] without `delivery:write`; [`Code::AppNotFound`]; [`Code::NotFound`] when there
/// are none; [`Code::Conflict`] as [`set`].
pub async fn reset(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    channel: Channel,
    expected: Option<i64>,
) -> Result<()> {
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::DeliveryWrite, move |here, tx| {
        hold(here, tx)?;
        let mut scope = tx.app(here.app.id);
        let former = scope
            .delivery_settings()?
            .into_iter()
            .find(|stored| stored.channel == channel);
        unchanged(expected, former.map(|former| former.version))?;
        if !scope.delete_delivery_settings(channel)? {
            return Err(Error::new(Code::NotFound).with_message(
                "The app has no providers of its own here; the deployment's sender is in use.",
            ));
        }
        let event = here
            .event(Action::DeliveryReset)
            .on("channel", channel.as_str());
        scope.audit(&event)?;
        Ok(Ok(()))
    })
    .await?;
    core.changed(app_id);
    Ok(())
}
