//! Changing an app's name and settings.

use doorward_domain::app::{App, AppSettings, parse_name};
use doorward_domain::audit::Action;
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code};
use doorward_store::platform::AppChange;

use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, FieldError, Result};

/// What is to change. What is absent stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateApp {
    /// A new name.
    pub name: Option<String>,
    /// Settings to merge into the current ones (JSON merge patch, RFC 7396; `null` restores a
    /// default).
    pub settings: Option<serde_json::Map<String, serde_json::Value>>,
    /// The version the change was made against; a change meanwhile is then a conflict.
    pub expected_version: Option<i64>,
}

/// Changes an app.
///
/// # Errors
/// [`Code::Forbidden`] without `apps:write`; [`Code::AppNotFound`]; [`Code::Conflict`] when the app
/// changed meanwhile; [`Code::ValidationError`] naming every bad field.
pub async fn update(
    core: &Core,
    operator: &Operator,
    id: AppId,
    request: UpdateApp,
) -> Result<App> {
    core.authorise(operator, Scope::AppsWrite).await?;
    let context = operator.context.clone();
    let app = core
        .store
        .write(move |tx| {
            let mut platform = tx.platform();
            let app = platform
                .app(id)?
                .ok_or_else(|| Error::new(Code::AppNotFound))?;
            if request
                .expected_version
                .is_some_and(|version| version != app.version)
            {
                return Err(changed_meanwhile());
            }
            let (name, settings) = merge(&app, &request)?;
            let changed = changed_fields(&app, &name, &settings);
            if changed.is_empty() {
                return Ok(app);
            }
            let change = AppChange {
                id,
                expected_version: app.version,
                name,
                settings,
                now: context.now(),
            };
            if !platform.update_app(&change)? {
                return Err(changed_meanwhile());
            }
            let event = context
                .event(Some(id), Action::AppUpdated)
                .on("app", id)
                .with(serde_json::json!({ "changed": changed }));
            platform.audit(&event)?;
            platform
                .app(id)?
                .ok_or_else(|| Error::new(Code::AppNotFound))
        })
        .await?;
    core.apps.forget(id);
    Ok(app)
}

fn changed_meanwhile() -> Error {
    Error::new(Code::Conflict)
        .with_message("The app was changed meanwhile. Read it again and repeat your change.")
}

fn merge(app: &App, request: &UpdateApp) -> Result<(String, AppSettings)> {
    let mut problems = Vec::new();
    let name = match &request.name {
        None => app.name.clone(),
        Some(name) => parse_name(name).unwrap_or_else(|message| {
            problems.push(FieldError::new("name", message));
            String::new()
        }),
    };
    let settings = match &request.settings {
        None => app.settings.clone(),
        Some(patch) => app.settings.patched(patch).unwrap_or_else(|wrong| {
            problems.extend(wrong.into_iter().map(|(f, m)| FieldError::new(f, m)));
            app.settings.clone()
        }),
    };
    if problems.is_empty() {
        Ok((name, settings))
    } else {
        Err(Error::validation(problems))
    }
}

fn changed_fields(app: &App, name: &str, settings: &AppSettings) -> Vec<String> {
    let mut changed = Vec::new();
    if app.name != name {
        changed.push("name".to_owned());
    }
    let before = serde_json::to_value(&app.settings).unwrap_or_default();
    let after = serde_json::to_value(settings).unwrap_or_default();
    if let (Some(before), Some(after)) = (before.as_object(), after.as_object()) {
        for (key, value) in after {
            if before.get(key) != Some(value) {
                changed.push(format!("settings.{key}"));
            }
        }
    }
    changed
}
