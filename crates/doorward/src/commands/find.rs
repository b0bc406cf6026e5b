//! What commands name, found: apps, users, organizations.

use doorward_domain::app::App;
use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::role::RoleName;
use doorward_domain::{AppId, Code, TenantId, UserId};
use doorward_service::{Core, Error, Operator, apps, users};

use crate::Outcome;
use crate::cli::InApp;
use crate::failure::Failure;

/// When a change of roles or members shows.
pub(super) const AT_REFRESH: &str = "Done. It shows in the user's tokens from the next refresh on; \
                                     `POST /auth/revoke-user` ends the sessions at once.";

/// An app, by id or slug.
pub(super) async fn app(core: &Core, operator: &Operator, name: &str) -> Outcome<App> {
    let found = match name.parse() {
        Ok(id) => apps::show(core, operator, id).await,
        Err(_) => apps::show_by_slug(core, operator, name).await,
    };
    found.map_err(|error| match error.code() {
        Code::AppNotFound => Failure::failed(
            error.code().as_str(),
            format!("There is no app with the id or slug `{name}`; `doorward app list` shows all."),
        ),
        _ => error.into(),
    })
}

/// A user of an app, by id, e-mail address or phone number. Whether an id is anybody's is left to
/// the command.
pub(super) async fn user(
    core: &Core,
    operator: &Operator,
    app: AppId,
    name: &str,
) -> Outcome<UserId> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let contact = EmailAddress::parse(name)
        .map(Contact::Email)
        .or_else(|_| PhoneNumber::parse(name).map(Contact::Phone))
        .map_err(|_| {
            Failure::usage(format!(
                "`{name}` is no user's id, e-mail address or phone number (such as +919876543210)."
            ))
        })?;
    match users::find(core, operator, app, contact).await {
        Ok(user) => Ok(user.id),
        Err(error) if error.code() == Code::UserNotFound => Err(Failure::failed(
            error.code().as_str(),
            format!("The app has no user `{name}`. Users come to be when they first sign in."),
        )),
        Err(error) => Err(error.into()),
    }
}

/// The id of an organization, as it was typed.
pub(super) fn org(text: &str, of: &InApp) -> Outcome<TenantId> {
    text.parse().map_err(|_| {
        Failure::usage(format!(
            "`{text}` is no organization's id; `doorward org list --app {}` shows them.",
            of.app
        ))
    })
}

/// A role's name, as it was typed.
pub(super) fn role(text: &str) -> Outcome<RoleName> {
    RoleName::parse(text)
        .map_err(|message| Failure::usage(format!("`{text}` is no role's name. {message}.")))
}

/// Why it did not work, with the way to what exists.
pub(super) fn explained(error: Error, of: &InApp) -> Failure {
    let hint = match error.code() {
        Code::TenantNotFound => format!(
            "The app has no such organization in use; `doorward org list --app {}` shows all.",
            of.app
        ),
        Code::UserNotFound => "The app has no such user.".to_owned(),
        _ => return error.into(),
    };
    Failure::failed(error.code().as_str(), hint)
}
