//! What an app says of its roles.

use std::sync::Arc;

use doorward_crypto::etag;
use doorward_domain::audit::Action;
use doorward_domain::role::{
    BUILT_IN, MAX_CUSTOM_ROLES, MAX_PERMISSIONS, MAX_PERMISSIONS_LEN, Permission, RoleBook,
    RoleDefinition, RoleName,
};
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code};

use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, FieldError, Result};
use crate::proof::Deliberate;

/// Most roles of one page, and one more that tells whether there is a next.
const PAGE_MAX: u32 = 101;

/// What a role is to permit.
#[derive(Debug, Default)]
pub struct DefineRole {
    /// The role, built in or the app's own.
    pub name: String,
    /// For people: at most 200 characters.
    pub description: String,
    /// Names such as `invoices:write`: at most 64.
    pub permissions: Vec<String>,
    /// The [`RoleInfo::etag`] that the change was made against; a change meanwhile is then a conflict.
    pub expected: Option<String>,
    /// That it is meant, confirmed by the role's name: needed where permissions are taken away, because
    /// whoever has the role loses them.
    pub deliberate: Option<Deliberate>,
}

/// A role is to be deleted.
#[derive(Debug)]
pub struct DeleteRole {
    /// That it is meant; confirmed by the role's name.
    pub deliberate: Deliberate,
    /// As [`DefineRole::expected`].
    pub expected: Option<String>,
}

/// A role of an app.
#[derive(Debug, Clone)]
pub struct RoleInfo {
    /// Its name.
    pub name: RoleName,
    /// Whether every app has it.
    pub built_in: bool,
    /// What the app says of it.
    pub definition: RoleDefinition,
}

impl RoleInfo {
    /// A strong entity tag, quoted: of what the role says. It has no version.
    #[must_use]
    pub fn etag(&self) -> String {
        tag(&self.definition)
    }

    fn new(name: &RoleName, book: &RoleBook) -> Self {
        Self {
            built_in: name.is_built_in(),
            definition: book.definition(name).cloned().unwrap_or_default(),
            name: name.clone(),
        }
    }
}

/// Roles of an app, the built-in ones and then its own by name, after the given one (which may be gone);
/// at most 101. The app holds them all in memory, and there are few: [`MAX_CUSTOM_ROLES`].
///
/// # Errors
/// [`Code::Forbidden`] without `orgs:read`; [`Code::AppNotFound`].
pub async fn list(
    core: &Core,
    caller: Caller<'_>,
    after: Option<RoleName>,
    limit: u32,
) -> Result<Vec<RoleInfo>> {
    let limit = usize::try_from(limit.clamp(1, PAGE_MAX)).unwrap_or(usize::MAX);
    core.read_as(caller, Scope::OrgsRead, move |here, _| {
        let book = &here.app.roles;
        let built_in = BUILT_IN
            .iter()
            .filter_map(|name| RoleName::parse(name).ok());
        let own = book.iter().map(|(name, _)| name.clone());
        Ok(built_in
            .chain(own.filter(|name| !name.is_built_in()))
            .filter(|name| {
                after
                    .as_ref()
                    .is_none_or(|after| place(name) > place(after))
            })
            .take(limit)
            .map(|name| RoleInfo::new(&name, book))
            .collect())
    })
    .await
}

/// Where a role stands in the list.
fn place(name: &RoleName) -> (usize, &str) {
    let built_in = BUILT_IN.iter().position(|known| *known == name.as_str());
    (built_in.unwrap_or(BUILT_IN.len()), name.as_str())
}

/// Defines a role of the app's own, or says what a built-in one permits. Whoever has the role has
/// the new permissions from the next refresh on.
///
/// # Errors
/// [`Code::Forbidden`] without `orgs:write`; [`Code::AppNotFound`]; [`Code::ValidationError`]
/// naming every bad field, or when permissions are taken away and nobody said that this is meant;
/// [`Code::Conflict`] when the role was changed meanwhile, for too many roles, or too many permissions
/// in all.
pub async fn define(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    request: DefineRole,
) -> Result<RoleInfo> {
    let (name, definition) = parse(&request)?;
    let request = Arc::new(request);
    let caller = Caller::Operator(operator, app_id);
    let info = core
        .write_as(caller, Scope::OrgsWrite, move |here, tx| {
            // The app is held from here on: two definitions cannot pass the limit together.
            if !tx.platform().touch_app(here.app.id, here.now())? {
                return Err(Error::new(Code::AppNotFound));
            }
            let stored = tx.platform().app(here.app.id)?;
            let book = stored.map(|app| app.roles).unwrap_or_default();
            refuse_stale(&book, &name, request.expected.as_deref())?;
            let before = book.definition(&name);
            let lost: Vec<&Permission> = before.map_or_else(Vec::new, |before| {
                before
                    .permissions
                    .difference(&definition.permissions)
                    .collect()
            });
            match &request.deliberate {
                Some(meant) => meant.names([name.as_str()])?,
                None if lost.is_empty() => {}
                None => return Err(not_meant(&lost)),
            }
            if !book.contains(&name) && book.custom_count() >= MAX_CUSTOM_ROLES {
                return Err(Error::new(Code::Conflict).with_message(format!(
                    "An app can have at most {MAX_CUSTOM_ROLES} roles of its own."
                )));
            }
            if book.permissions_len_with(&name, &definition) > MAX_PERMISSIONS_LEN {
                return Err(Error::new(Code::Conflict).with_message(format!(
                    "The names of all permissions of an app can have {MAX_PERMISSIONS_LEN} bytes \
                     together, with three more for each: a member may carry them all in its token. \
                     Use fewer, or shorter ones."
                )));
            }
            let mut scope = tx.app(here.app.id);
            scope.put_role(&name, &definition, here.now())?;
            let details = match &request.deliberate {
                Some(meant) => serde_json::json!({
                    "permissions": definition.permissions,
                    "reason": meant.reason(),
                    "taken_away": lost,
                }),
                None => serde_json::json!({ "permissions": definition.permissions }),
            };
            let event = here.event(Action::RoleDefined).on("role", &name);
            scope.audit(&event.with(details))?;
            Ok(Ok(RoleInfo {
                name: name.clone(),
                built_in: name.is_built_in(),
                definition: definition.clone(),
            }))
        })
        .await?;
    core.apps.forget(app_id);
    Ok(info)
}

/// Deletes a role of the app's own, or what was said of a built-in one.
///
/// # Errors
/// [`Code::Forbidden`] without `orgs:write`; [`Code::AppNotFound`]; [`Code::ValidationError`] when
/// another role is confirmed; [`Code::RoleNotFound`]; [`Code::Conflict`] when it was changed meanwhile,
/// and while somebody has the role.
pub async fn delete(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    name: RoleName,
    request: DeleteRole,
) -> Result<()> {
    request.deliberate.names([name.as_str()])?;
    let request = Arc::new(request);
    let caller = Caller::Operator(operator, app_id);
    core.write_as(caller, Scope::OrgsWrite, move |here, tx| {
        if !tx.platform().touch_app(here.app.id, here.now())? {
            return Err(Error::new(Code::AppNotFound));
        }
        if request.expected.is_some() {
            let stored = tx.platform().app(here.app.id)?;
            let book = stored.map(|app| app.roles).unwrap_or_default();
            refuse_stale(&book, &name, request.expected.as_deref())?;
        }
        let mut scope = tx.app(here.app.id);
        let deleted = scope.delete_role(&name).map_err(|error| match error {
            doorward_store::StoreError::Constraint { .. } => Error::new(Code::Conflict)
                .with_message(format!(
                    "Somebody still has the role {name}. Take it from every member first."
                )),
            other => other.into(),
        })?;
        if !deleted {
            return Err(Error::new(Code::RoleNotFound));
        }
        let event = here.event(Action::RoleDeleted).on("role", &name);
        let details = serde_json::json!({ "reason": request.deliberate.reason() });
        scope.audit(&event.with(details))?;
        Ok(Ok(()))
    })
    .await?;
    core.apps.forget(app_id);
    Ok(())
}

/// Of what a role says.
fn tag(definition: &RoleDefinition) -> String {
    let said = serde_json::to_vec(definition).unwrap_or_default();
    etag(&[b"doorward/role/v1/", &said])
}

/// Refuses a change that was made against something else than there is. What is not there has no tag.
fn refuse_stale(book: &RoleBook, name: &RoleName, expected: Option<&str>) -> Result<()> {
    let there = book.contains(name);
    let now = there.then(|| tag(&RoleInfo::new(name, book).definition));
    if expected.is_none() || expected == now.as_deref() {
        return Ok(());
    }
    Err(Error::new(Code::Conflict)
        .with_message("The role was changed meanwhile. Read it again and repeat your change."))
}

fn not_meant(lost: &[&Permission]) -> Error {
    let names: Vec<_> = lost.iter().take(5).map(|lost| lost.as_str()).collect();
    let more = if lost.len() > names.len() {
        ", …"
    } else {
        ""
    };
    let names = names.join(", ");
    let why = format!("Is required: whoever has the role loses permissions ({names}{more})");
    Error::validation(vec![
        FieldError::new("reason", why),
        FieldError::new("confirm", "Is required: the name of the role, once more"),
    ])
}

fn parse(request: &DefineRole) -> Result<(RoleName, RoleDefinition)> {
    let mut problems = Vec::new();
    let name = RoleName::parse(&request.name)
        .inspect_err(|message| problems.push(FieldError::new("role", *message)))
        .ok();
    let description = request.description.trim().to_owned();
    if description.chars().count() > 200 || description.chars().any(char::is_control) {
        problems.push(FieldError::new(
            "description",
            "Must be at most 200 characters, none of them a control character",
        ));
    }
    if request.permissions.len() > MAX_PERMISSIONS {
        problems.push(FieldError::new(
            "permissions",
            format!("Must be at most {MAX_PERMISSIONS} names"),
        ));
    }
    let mut permissions = std::collections::BTreeSet::new();
    for (at, text) in request.permissions.iter().enumerate() {
        match Permission::parse(text) {
            Ok(permission) => {
                permissions.insert(permission);
            }
            Err(message) => {
                problems.push(FieldError::new(format!("permissions[{at}]"), message));
            }
        }
    }
    match name {
        Some(name) if problems.is_empty() => Ok((
            name,
            RoleDefinition {
                description,
                permissions,
            },
        )),
        _ => Err(Error::validation(problems)),
    }
}
