//! `doorward license key`

use doorward_domain::signing::SigningAlg;
use doorward_domain::time::iso;
use doorward_service::license_keys::{self, LicenseKeySet, StoredLicenseKey};
use doorward_service::{Core, Operator};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Outcome;
use crate::cli::LicenseKeyCommand;
use crate::commands::{find, meant};
use crate::failure::Failure;
use crate::output::{self, Report, labels, table};

/// Runs it.
pub(super) async fn run(
    core: &Core,
    operator: &Operator,
    command: LicenseKeyCommand,
    json: bool,
) -> Outcome {
    match command {
        LicenseKeyCommand::Show { jwks, of } => {
            let app_id = find::app(core, operator, &of.app).await?.id;
            let (keys, set) = license_keys::list(core, operator, app_id, None, u32::MAX).await?;
            if jwks {
                return output::text_out(&format!("{}\n", set.jwks));
            }
            let items = keys.into_iter().map(KeyView::from).collect();
            let jwks = document(set)?;
            output::report(json, &KeyList { items, jwks })
        }
        LicenseKeyCommand::Rotate { of, meant } => {
            let app = find::app(core, operator, &of.app).await?;
            let what = "replaces the key of the app's licence files; programs that do not know the \
                        new one refuse new files";
            let meant = meant::deliberate(operator, &meant, what, app.slug.as_str())?;
            let set = license_keys::rotate(core, operator, app.id, meant).await?;
            let kid = set.active_kid.clone();
            let jwks = document(set)?;
            output::report(json, &Rotated { kid, jwks })
        }
    }
}

fn document(set: LicenseKeySet) -> Outcome<Box<RawValue>> {
    RawValue::from_string(set.jwks)
        .map_err(|error| Failure::failed("INTERNAL_ERROR", error.to_string()))
}

#[derive(Serialize)]
struct KeyView {
    kid: String,
    alg: SigningAlg,
    state: &'static str,
    created_at: String,
    retired_at: Option<String>,
}

impl From<StoredLicenseKey> for KeyView {
    fn from(key: StoredLicenseKey) -> Self {
        Self {
            kid: key.kid,
            alg: key.alg,
            state: if key.retired_at.is_none() {
                "active"
            } else {
                "retired"
            },
            created_at: iso(key.created_at),
            retired_at: key.retired_at.map(iso),
        }
    }
}

#[derive(Serialize)]
struct KeyList {
    items: Vec<KeyView>,
    jwks: Box<RawValue>,
}

impl Report for KeyList {
    fn human(&self) -> String {
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|key| {
                [
                    key.kid.clone(),
                    key.alg.as_str().to_owned(),
                    key.state.to_owned(),
                    key.created_at.clone(),
                ]
            })
            .collect();
        table(["KEY ID", "ALGORITHM", "STATE", "CREATED"], &rows)
            + &format!("\nBuild these into your programs:\n\n{}\n", self.jwks)
    }
}

#[derive(Serialize)]
struct Rotated {
    kid: String,
    jwks: Box<RawValue>,
}

impl Report for Rotated {
    fn human(&self) -> String {
        labels(&[("kid", self.kid.clone())])
            + &format!(
                "\nNew licence files need it. Programs that do not know it yet refuse them: ship \
                 these keys.\n\n{}\n",
                self.jwks
            )
    }
}
