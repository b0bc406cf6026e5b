//! Creating an app.

use std::sync::Arc;

use doorward_crypto::opaque::app_secret_hash;
use doorward_domain::app::{App, AppSettings, AppStatus, Slug, parse_name};
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::secret::AppSecret;
use doorward_domain::{AppId, Code};
use serde::{Deserialize, Serialize};

use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, FieldError, Result};
use crate::idempotency::kept;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct CreateApp {
    /// Name for people.
    pub name: String,
    /// URL-safe name, unique on the platform.
    pub slug: String,
    /// Settings, where they differ from the defaults.
    pub settings: Option<AppSettings>,
}

/// What came of it. The secret is shown this once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreatedApp {
    /// The app.
    pub app: App,
    /// Its secret.
    #[serde(with = "kept::app_secret")]
    pub secret: AppSecret,
    /// The platform's active public key as one line (`JWT_PUBLIC_KEY`).
    pub jwt_public_key: String,
}

/// Creates an app.
///
/// # Errors
/// [`Code::Forbidden`] without `apps:write`, [`Code::ValidationError`] naming every bad field,
/// [`Code::Conflict`] when the slug is taken.
pub async fn create(core: &Core, operator: &Operator, request: CreateApp) -> Result<CreatedApp> {
    core.authorise(operator, Scope::AppsWrite).await?;
    let settings = request.settings.unwrap_or_default();
    let mut problems: Vec<FieldError> = settings
        .problems()
        .into_iter()
        .map(|(field, message)| FieldError::new(field, message))
        .collect();
    let name = parse_name(&request.name)
        .map_err(|message| problems.push(FieldError::new("name", message)));
    let slug = Slug::parse(&request.slug)
        .map_err(|message| problems.push(FieldError::new("slug", message)));
    let (Ok(name), Ok(slug), true) = (name, slug, problems.is_empty()) else {
        return Err(Error::validation(problems));
    };
    let context = &operator.context;
    let now = context.now();
    let secret = AppSecret::generate(&*context.random);
    let app = App {
        id: AppId::generate(&*context.clock, &*context.random),
        slug,
        name,
        status: AppStatus::Active,
        version: 1,
        session_epoch: 1,
        secret_hash: app_secret_hash(&secret),
        previous_secret: None,
        secret_rotated_at: now,
        settings,
        roles: Arc::default(),
        created_at: now,
        updated_at: now,
    };
    let event = context
        .event(Some(app.id), Action::AppCreated)
        .on("app", app.id)
        .with(serde_json::json!({ "slug": app.slug, "name": app.name }));
    let created = CreatedApp {
        app,
        secret,
        jwt_public_key: core.signing().jwt_public_key().to_owned(),
    };
    core.create(operator, None, move |tx| {
        let mut platform = tx.platform();
        if !platform.insert_app(&created.app)? {
            return Err(Error::new(Code::Conflict)
                .with_message("Another app already has this slug. Choose another."));
        }
        platform.audit(&event)?;
        Ok(Ok(created.clone()))
    })
    .await
}
