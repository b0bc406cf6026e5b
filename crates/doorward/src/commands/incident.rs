//! `doorward incident`

use doorward_domain::time::iso;
use doorward_service::incidents;
use doorward_service::{Core, Operator};
use serde::Serialize;

use super::{find, meant};
use crate::Outcome;
use crate::cli::{Global, IncidentCommand};
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Report, labels};

/// Runs it.
pub(super) async fn run(global: &Global, command: IncidentCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(&core, &operator, command, global.json).await;
    core.store.close().await;
    outcome
}

async fn obey(core: &Core, operator: &Operator, command: IncidentCommand, json: bool) -> Outcome {
    match command {
        IncidentCommand::SecretExposed { of, repeat, meant } => {
            let app = find::app(core, operator, &of.app).await?;
            let given = serde_json::json!([app.id]);
            let command = "incident secret-exposed";
            let operator = &deployment::repeatable(operator, repeat, command, &given)?;
            let what = "replaces the app's secret; its backend must have the new one at once";
            let deliberate = meant::deliberate(operator, &meant, what, app.slug.as_str())?;
            let secret = incidents::secret_exposed(core, operator, app.id, deliberate).await?;
            let done = NewSecret {
                app_id: app.id.to_string(),
                app_slug: app.slug.as_str().to_owned(),
                app_secret: secret.expose().to_owned(),
            };
            output::report(json, &done)
        }
        IncidentCommand::SuspiciousSignIn { user, meant } => {
            let app = find::app(core, operator, &user.of.app).await?.id;
            let id = find::user(core, operator, app, &user.user).await?;
            let what = "ends every session of the user, who signs in again";
            let deliberate = meant::deliberate(operator, &meant, what, &user.user)?;
            let ended = incidents::suspicious_sign_in(core, operator, app, id, deliberate).await?;
            let done = SignedOut {
                sessions_revoked: ended.sessions,
                secrets_voided: ended.secrets,
            };
            output::report(json, &done)
        }
        IncidentCommand::PublicKey => {
            let forms = incidents::public_key(core, operator).await?;
            let jwks = serde_json::from_str(&forms.jwks)
                .map_err(|error| Failure::failed("INTERNAL_ERROR", error.to_string()))?;
            let key = PublicKey {
                kid: forms.kid,
                jwt_public_key: forms.jwt_public_key,
                pem: forms.pem,
                jwks,
            };
            output::report(json, &key)
        }
        IncidentCommand::StopApp { of, meant } => {
            let app = find::app(core, operator, &of.app).await?;
            let what = "switches the app off; nobody signs in, nothing is refreshed";
            let deliberate = meant::deliberate(operator, &meant, what, app.slug.as_str())?;
            let app = incidents::stop_app(core, operator, app.id, deliberate).await?;
            let done = Stopped {
                app_id: app.id.to_string(),
                status: app.status.as_str(),
            };
            output::report(json, &done)
        }
        IncidentCommand::EndAllSessions { of, meant } => {
            let app = find::app(core, operator, &of.app).await?;
            let what = "ends every session of the app; everybody signs in again";
            let deliberate = meant::deliberate(operator, &meant, what, app.slug.as_str())?;
            let ended = incidents::end_all_sessions(core, operator, app.id, deliberate).await?;
            let done = AllEnded {
                app_id: app.id.to_string(),
                sessions_ended_at: iso(ended.at),
                tokens_issued_until: iso(ended.tokens_issued_until),
            };
            output::report(json, &done)
        }
    }
}

#[derive(Serialize)]
struct NewSecret {
    app_id: String,
    app_secret: String,
    app_slug: String,
}

impl Report for NewSecret {
    fn human(&self) -> String {
        labels(&[
            ("app_id", self.app_id.clone()),
            ("app_secret", self.app_secret.clone()),
            ("app_slug", self.app_slug.clone()),
        ]) + "\nThe old secret is dead. Give app_secret to the app's backend now: it is not shown \
              again.\n"
    }
}

#[derive(Serialize)]
struct SignedOut {
    sessions_revoked: u64,
    secrets_voided: u64,
}

impl Report for SignedOut {
    fn human(&self) -> String {
        format!(
            "Ended: {} session(s); void: {} code(s) and reset token(s). The user signs in again.\n",
            self.sessions_revoked, self.secrets_voided
        )
    }
}

#[derive(Serialize)]
struct PublicKey {
    kid: String,
    jwt_public_key: String,
    pem: String,
    jwks: serde_json::Value,
}

impl Report for PublicKey {
    fn human(&self) -> String {
        labels(&[
            ("kid", self.kid.clone()),
            ("JWT_PUBLIC_KEY", self.jwt_public_key.clone()),
        ]) + &format!("\n{}\n\n{}\n", self.pem.trim_end(), self.jwks)
    }
}

#[derive(Serialize)]
struct Stopped {
    app_id: String,
    status: &'static str,
}

impl Report for Stopped {
    fn human(&self) -> String {
        format!(
            "The app {} is {}. `doorward app reactivate` switches it on again.\n",
            self.app_id, self.status
        )
    }
}

#[derive(Serialize)]
struct AllEnded {
    app_id: String,
    sessions_ended_at: String,
    tokens_issued_until: String,
}

impl Report for AllEnded {
    fn human(&self) -> String {
        format!(
            "Every session of the app ended at {}. Consumers that subscribe to revocations refuse \
             access tokens issued until {}.\n",
            self.sessions_ended_at, self.tokens_issued_until
        )
    }
}
