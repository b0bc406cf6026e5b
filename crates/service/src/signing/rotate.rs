//! Rotation: scheduled and on demand, without restart, agreed by all nodes.

use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::signing::KeyState;
use doorward_domain::time::plus_seconds;
use doorward_domain::{Code, Timestamp};

use super::load::{create, reload};
use crate::context::{Context, Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::proof::Deliberate;

/// Longest life of an access token, in seconds: the most that an app can set.
const LONGEST_TOKEN_SECONDS: i64 = 3_600;

/// Most keys published at once. Verifiers refuse a JWKS of more than 64, so that rotating again and
/// again would end with a service that no consumer believes and that does not start.
const MOST_PUBLISHED: usize = 16;

/// What happens to the key that stops signing.
#[derive(Debug)]
pub enum RotateMode {
    /// It stays published until the last token it signed is dead.
    Overlap,
    /// It leaves the JWKS at once: every token it signed is refused. For a leaked key. So do the
    /// keys that lay beside it, the next one included: whoever could read one could read them all,
    /// and would sign on with the successor. Confirmed by the id of the active key.
    RetireNow(Deliberate),
}

/// As decided: what the transaction needs of a [`RotateMode`].
#[derive(Clone, Default)]
struct How {
    retire_now: bool,
    reason: Option<String>,
}

/// Rotates on demand and gives the id of the new active key.
///
/// # Errors
/// [`Code::Forbidden`] without `keys:write`; [`Code::Conflict`] when somebody else rotated at the
/// same moment, or when 16 keys are published already and the former one is to stay.
pub async fn rotate(core: &Core, operator: &Operator, mode: RotateMode) -> Result<String> {
    core.authorise(operator, Scope::KeysWrite).await?;
    let keys = core
        .store
        .read(|tx| Ok::<_, Error>(tx.platform().signing_keys()?))
        .await?;
    let retire_now = matches!(mode, RotateMode::RetireNow(_));
    if !retire_now && keys.len() >= MOST_PUBLISHED {
        return Err(Error::new(Code::Conflict).with_message(
            "Too many former keys are still published. Wait until the tokens they signed are dead.",
        ));
    }
    let active = keys
        .into_iter()
        .find(|key| key.state == KeyState::Active)
        .ok_or_else(|| Error::internal("there is no active signing key"))?;
    let mut reason = None;
    if let RotateMode::RetireNow(deliberate) = &mode {
        deliberate.names([active.kid.as_str()])?;
        reason = Some(deliberate.reason().to_owned());
        retire_others(core, &operator.context).await?;
    }
    create_next(core, &operator.context).await?;
    let how = How { retire_now, reason };
    let activated = activate_next(core, &operator.context, active.kid, how).await?;
    let kid = activated.ok_or_else(|| {
        Error::new(Code::Conflict).with_message("Somebody else rotated the keys at this moment.")
    })?;
    // The successor of the successor is published from now on.
    create_next(core, &operator.context).await?;
    reload(core).await?;
    Ok(kid)
}

/// What is due: a missing next key is made, an old active key replaced, a dead key retired.
/// Any number of nodes may do this at the same time.
///
/// # Errors
/// When the database is out of reach.
pub async fn tick(core: &Core) -> Result<()> {
    let context = core.system_context();
    let now = context.now();
    let keys = core
        .store
        .read(|tx| Ok::<_, Error>(tx.platform().signing_keys()?))
        .await?;
    let next = keys.iter().find(|key| key.state == KeyState::Next);
    let active = keys.iter().find(|key| key.state == KeyState::Active);
    let mut changed = false;
    let published_long_enough = next
        .is_some_and(|key| plus_seconds(key.created_at, core.settings.key_overlap_seconds) <= now);
    if next.is_none() {
        changed |= create(core, &context, KeyState::Next).await?;
    }
    let due = active.filter(|key| {
        let since = key.activated_at.unwrap_or(key.created_at);
        plus_seconds(since, core.settings.key_rotation_seconds) <= now
    });
    if let Some(active) = due
        && published_long_enough
    {
        let former = active.kid.clone();
        changed |= activate_next(core, &context, former, How::default())
            .await?
            .is_some();
        changed |= create(core, &context, KeyState::Next).await?;
    }
    changed |= retire(core, &context, now).await?;
    if changed {
        reload(core).await?;
    }
    Ok(())
}

async fn retire_others(core: &Core, context: &Context) -> Result<()> {
    let now = context.now();
    let event = context.clone();
    core.store
        .write(move |tx| {
            let mut platform = tx.platform();
            for kid in platform.retire_other_signing_keys(now)? {
                platform.audit(
                    &event
                        .event(None, Action::SigningKeyRetired)
                        .on("signing_key", kid),
                )?;
            }
            Ok::<_, Error>(())
        })
        .await
}

async fn create_next(core: &Core, context: &Context) -> Result<()> {
    let keys = core
        .store
        .read(|tx| Ok::<_, Error>(tx.platform().signing_keys()?))
        .await?;
    if !keys.iter().any(|key| key.state == KeyState::Next) {
        create(core, context, KeyState::Next).await?;
    }
    Ok(())
}

/// Puts the next key in the place of the active one, which is named: of two nodes that saw it
/// active, only the first replaces it.
async fn activate_next(
    core: &Core,
    context: &Context,
    former: String,
    how: How,
) -> Result<Option<String>> {
    let now = context.now();
    let retire_after = if how.retire_now {
        now
    } else {
        plus_seconds(
            now,
            LONGEST_TOKEN_SECONDS + core.settings.key_overlap_seconds,
        )
    };
    let event = context.clone();
    core.store
        .write(move |tx| {
            let mut platform = tx.platform();
            let Some(kid) = platform.rotate_signing_key(&former, now, retire_after)? else {
                return Ok(None);
            };
            platform.audit(
                &event
                    .event(None, Action::SigningKeyRotated)
                    .on("signing_key", &kid)
                    .with(serde_json::json!({
                        "former": former, "retire_now": how.retire_now, "reason": how.reason,
                    })),
            )?;
            if how.retire_now {
                for retired in platform.retire_signing_keys(now)? {
                    platform.audit(
                        &event
                            .event(None, Action::SigningKeyRetired)
                            .on("signing_key", retired),
                    )?;
                }
            }
            Ok::<_, Error>(Some(kid))
        })
        .await
}

async fn retire(core: &Core, context: &Context, now: Timestamp) -> Result<bool> {
    let keys = core
        .store
        .read(|tx| Ok::<_, Error>(tx.platform().signing_keys()?))
        .await?;
    let due = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
    if !keys
        .iter()
        .any(|key| key.state == KeyState::Retiring && due(key.retire_after))
    {
        return Ok(false);
    }
    let event = context.clone();
    core.store
        .write(move |tx| {
            let mut platform = tx.platform();
            let retired = platform.retire_signing_keys(now)?;
            for kid in &retired {
                platform.audit(
                    &event
                        .event(None, Action::SigningKeyRetired)
                        .on("signing_key", kid),
                )?;
            }
            Ok::<_, Error>(!retired.is_empty())
        })
        .await
}
