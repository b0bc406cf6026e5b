//! Keys and secrets: their states and ages.

use doorward_domain::Timestamp;
use doorward_domain::signing::KeyState;
use doorward_domain::time::plus_seconds;
use doorward_store::platform::{AdminKey, OldSecret, StoredSigningKey};

use super::{Finding, days};
use crate::core::Core;
use crate::error::{Error, Result};

const DAY: i64 = 86_400;
/// Age at which an app's secret should be replaced, in days.
const SECRET_DAYS: i64 = 365;
/// After how many days an admin key that nobody uses should go.
const UNUSED_DAYS: i64 = 90;
/// Admin keys that are looked at.
const KEYS: u32 = 200;
/// Names in one finding.
const NAMED: u32 = 5;

/// Looks at all of them, on one snapshot.
pub(super) async fn examine(core: &Core) -> Result<Vec<Finding>> {
    let now = core.clock.now();
    let before = plus_seconds(now, -SECRET_DAYS * DAY);
    let (signing, secrets, keys) = core
        .store
        .read(move |tx| {
            let mut platform = tx.platform();
            Ok::<_, Error>((
                platform.signing_keys()?,
                platform.old_secrets(before, NAMED)?,
                platform.admin_keys(None, KEYS)?,
            ))
        })
        .await?;
    Ok(vec![
        signing_keys(core, now, &signing),
        master_key(core, &signing),
        app_secrets(now, &secrets),
        admin_keys(now, &keys),
    ])
}

fn signing_keys(core: &Core, now: Timestamp, keys: &[StoredSigningKey]) -> Finding {
    const ID: &str = "keys.signing";
    let rotation = core.settings.key_rotation_seconds;
    let of = |state| keys.iter().find(|key| key.state == state);
    let Some(active) = of(KeyState::Active) else {
        return Finding::fail(ID, "no signing key is active", "Run `doorward key rotate`.");
    };
    let since = active.activated_at.unwrap_or(active.created_at);
    let age = days(since, now);
    let seen = format!(
        "{} signs since {age} days ({}); the next key is {}",
        active.kid,
        active.alg.as_str(),
        if of(KeyState::Next).is_some() {
            "published"
        } else {
            "not published"
        },
    );
    // A day later than due, nobody can still be about to do it.
    let due = plus_seconds(since, rotation.saturating_add(DAY));
    if rotation < i64::MAX && due < now {
        return Finding::fail(
            ID,
            seen,
            "It should have been replaced by itself: is any server running? `doorward key rotate` \
             does it now.",
        );
    }
    if rotation == i64::MAX && age > SECRET_DAYS {
        return Finding::warn(
            ID,
            seen,
            "Rotation is switched off (signing.rotation_days = 0). Run `doorward key rotate`.",
        );
    }
    Finding::ok(ID, seen)
}

/// What a former master key is still needed for is looked for by maintenance, not here.
fn master_key(core: &Core, signing: &[StoredSigningKey]) -> Finding {
    const ID: &str = "keys.master";
    if !core.keyring.has_former() {
        return Finding::ok(ID, "no former master key is accepted");
    }
    let outdated = signing
        .iter()
        .filter_map(|key| key.sealed_private.as_deref())
        .filter(|sealed| core.keyring.is_outdated(sealed))
        .count();
    Finding::warn(
        ID,
        format!(
            "a former master key is still accepted; {outdated} signing keys are sealed under it"
        ),
        "Run `doorward maintenance run` (licence keys) and `doorward key rotate` (signing keys), wait \
         until refresh tokens and codes made under it are over or accept that they end, and remove \
         it from previous_master_keys.",
    )
}

fn app_secrets(now: Timestamp, old: &[OldSecret]) -> Finding {
    const ID: &str = "secrets.apps";
    let Some(oldest) = old.first() else {
        return Finding::ok(
            ID,
            format!("no app secret is older than {SECRET_DAYS} days"),
        );
    };
    let names: Vec<_> = old.iter().map(|app| app.slug.as_str()).collect();
    Finding::warn(
        ID,
        format!(
            "app secrets older than {SECRET_DAYS} days (the oldest: {} days): {}",
            days(oldest.rotated_at, now),
            names.join(", ")
        ),
        "Replace them: `doorward app rotate-secret APP --overlap-minutes 60`, and give the app's \
         backend the new one.",
    )
}

fn admin_keys(now: Timestamp, keys: &[AdminKey]) -> Finding {
    const ID: &str = "secrets.admin_keys";
    let alive =
        |key: &&AdminKey| key.revoked_at.is_none() && key.expires_at.is_none_or(|end| now < end);
    let alive: Vec<_> = keys.iter().filter(alive).collect();
    let mut told = Vec::new();
    for key in &alive {
        let idle = days(key.last_used_on.unwrap_or(key.created_at), now);
        if idle > UNUSED_DAYS {
            told.push(format!("{} has not been used for {idle} days", key.name));
        } else if key.expires_at.is_none() && days(key.created_at, now) > SECRET_DAYS {
            told.push(format!("{} is old and never ends", key.name));
        }
    }
    if told.is_empty() {
        return Finding::ok(ID, format!("{} admin keys are alive", alive.len()));
    }
    told.truncate(NAMED as usize);
    Finding::warn(
        ID,
        told.join("; "),
        "Revoke what nobody uses (`doorward admin-key revoke ID`), and make keys that end \
         (`--expires 90d`).",
    )
}
