//! `doorward license generate`

use doorward_domain::entitlement::Entitlements;
use doorward_domain::time::iso;
use doorward_service::licenses::{self, Asker, Generated, Terms};
use doorward_service::{Core, Operator};
use serde::Serialize;

use super::terms;
use crate::Outcome;
use crate::cli::LicenseCommand;
use crate::commands::find;
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Report, labels, table};

/// Runs it.
pub(super) async fn run(
    core: &Core,
    operator: &Operator,
    command: LicenseCommand,
    json: bool,
) -> Outcome {
    let LicenseCommand::Generate {
        label,
        issued_to,
        max_activations,
        user,
        tenant,
        expires,
        entitlement,
        metadata,
        with_key,
        count,
        repeat,
        of,
    } = command
    else {
        return Ok(());
    };
    let given = serde_json::json!([
        label,
        issued_to,
        max_activations,
        user,
        tenant,
        expires,
        entitlement,
        metadata,
        with_key,
        count,
        of.app,
    ]);
    let operator = &deployment::repeatable(operator, repeat, "license generate", &given)?;
    let entitlements = terms::entitlements(&entitlement)?.unwrap_or_default();
    let entitlements = Entitlements::parse(&entitlements.into())
        .map_err(|message| Failure::usage(format!("--entitlement: {message}")))?;
    let now = core.clock.now();
    let expires_at = expires.map(|text| terms::end(&text, now)).transpose()?;
    let app = find::app(core, operator, &of.app).await?.id;
    let user_id = match user {
        Some(user) => Some(find::user(core, operator, app, &user).await?),
        None => None,
    };
    let request = Terms {
        label: terms::line("--label", label)?,
        issued_to: terms::line("--issued-to", issued_to)?,
        max_activations,
        tenant_id: tenant.map(|org| find::org(&org, &of)).transpose()?,
        user_id,
        expires_at,
        entitlements,
        metadata: terms::object(metadata.as_deref())?.unwrap_or_default(),
        with_key: with_key.then_some(true),
    };
    let asker = Asker::Operator(operator.clone(), app);
    let made = licenses::generate(core, &asker, request, count.unwrap_or(1)).await;
    let made = made.map_err(|error| find::explained(error, &of))?;
    let mut made: Vec<_> = made.into_iter().map(NewLicense::from).collect();
    match (count, made.pop()) {
        (None, Some(one)) => output::report(json, &one),
        (_, last) => {
            made.extend(last);
            output::report(json, &Batch { licenses: made })
        }
    }
}

/// A new licence.
#[derive(Serialize)]
struct NewLicense {
    license_key: Option<String>,
    license_id: String,
    max_activations: i64,
    expires_at: Option<String>,
}

impl From<Generated> for NewLicense {
    fn from(made: Generated) -> Self {
        Self {
            license_key: made.key.map(|key| key.expose().expose().to_owned()),
            license_id: made.license.id.to_string(),
            max_activations: made.license.max_activations,
            expires_at: made.license.expires_at.map(iso),
        }
    }
}

impl Report for NewLicense {
    fn human(&self) -> String {
        let none = || "none: its user holds it".to_owned();
        labels(&[
            ("license_key", self.license_key.clone().unwrap_or_else(none)),
            ("license_id", self.license_id.clone()),
            ("devices", self.max_activations.to_string()),
            (
                "expires",
                self.expires_at
                    .clone()
                    .unwrap_or_else(|| "never".to_owned()),
            ),
        ])
    }
}

/// New licences.
#[derive(Serialize)]
struct Batch {
    licenses: Vec<NewLicense>,
}

impl Report for Batch {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .licenses
            .iter()
            .map(|made| {
                let key = made.license_key.clone().unwrap_or_default();
                [key, made.license_id.clone()]
            })
            .collect();
        table(["KEY", "LICENSE ID"], &rows)
    }
}
