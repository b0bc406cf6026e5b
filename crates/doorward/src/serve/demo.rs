//! The first start of `doorward dev`: an app to try, and a key to the operator API.

use doorward_domain::scope::Scopes;
use doorward_domain::secret::SecretText;
use doorward_service::admin_keys::{self, CreateAdminKey};
use doorward_service::apps::{self, CreateApp};
use doorward_service::{Core, Result};

use crate::deployment;

/// What the first start made. It can be shown this once: only hashes are kept.
pub(super) struct Demo {
    pub(super) app_id: String,
    pub(super) app_slug: String,
    pub(super) app_secret: SecretText,
    pub(super) jwt_public_key: String,
    pub(super) admin_key: SecretText,
}

/// Makes them, unless there is any app.
pub(super) async fn on_first_start(core: &Core) -> Result<Option<Demo>> {
    let operator = deployment::operator(core);
    if !apps::list(core, &operator, None, 1).await?.is_empty() {
        return Ok(None);
    }
    let request = CreateApp {
        name: "Demo".to_owned(),
        slug: "demo".to_owned(),
        settings: None,
    };
    let created = apps::create(core, &operator, request).await?;
    let request = CreateAdminKey {
        name: "demo".to_owned(),
        scopes: Scopes::all(),
        expires_at: None,
        reason: None,
    };
    let key = admin_keys::create(core, &operator, request).await?;
    Ok(Some(Demo {
        app_id: created.app.id.to_string(),
        app_slug: created.app.slug.as_str().to_owned(),
        app_secret: SecretText::new(created.secret.expose()),
        jwt_public_key: core.signing().jwt_public_key().to_owned(),
        admin_key: key.key,
    }))
}
