//! Looking at users.

use doorward_domain::contact::Contact;
use doorward_domain::scope::Scope;
use doorward_domain::user::User;
use doorward_domain::{AppId, UserId};

use super::{PAGE_MAX, UserFilter, UserPlace, found};
use crate::caller::Caller;
use crate::context::Operator;
use crate::core::Core;
use crate::error::Result;

/// A user of an app, a deleted one, too.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `users:read`;
/// [`doorward_domain::Code::AppNotFound`]; [`doorward_domain::Code::UserNotFound`].
pub async fn show(core: &Core, operator: &Operator, app_id: AppId, id: UserId) -> Result<User> {
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::UsersRead, move |here, tx| {
        found(tx.app(here.app.id).user(id)?)
    })
    .await
}

/// The user who has an address in an app, verified or not. Deleted ones are among them, as in
/// [`show`].
///
/// # Errors
/// As [`show`].
pub async fn find(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    contact: Contact,
) -> Result<User> {
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::UsersRead, move |here, tx| {
        found(tx.app(here.app.id).user_by_contact(&contact)?)
    })
    .await
}

/// Users in the order of the filter, after the given one; at most 100.
///
/// # Errors
/// [`doorward_domain::Code::Forbidden`] without `users:read`;
/// [`doorward_domain::Code::AppNotFound`].
pub async fn list(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    filter: UserFilter,
    after: Option<UserPlace>,
    limit: u32,
) -> Result<Vec<User>> {
    let limit = limit.clamp(1, PAGE_MAX);
    let caller = Caller::Operator(operator, app_id);
    core.read_as(caller, Scope::UsersRead, move |here, tx| {
        Ok(tx.app(here.app.id).users(&filter, after.as_ref(), limit)?)
    })
    .await
}
