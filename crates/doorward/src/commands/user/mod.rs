//! `doorward user`

mod export;
mod orgs;
mod view;

use doorward_domain::contact::{EmailAddress, PhoneNumber};
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{AppId, UserId};
use doorward_http::UserCursor;
use doorward_service::users::{
    self, ContactChange, CreateUser, DeleteUser, NewContact, SetStatus, UpdateUser, UserFilter,
};
use doorward_service::{Core, Operator};

use self::view::{ErasedView, UserList, UserView};
use super::{find, meant, pages};
use crate::Outcome;
use crate::cli::{Global, Meant, OneUser, Paging, UserCommand, UserStatusName};
use crate::deployment;
use crate::failure::Failure;
use crate::output;

/// Runs it.
pub(super) async fn run(global: &Global, command: UserCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(&core, &operator, command, global.json).await;
    core.store.close().await;
    outcome
}

async fn obey(core: &Core, operator: &Operator, command: UserCommand, json: bool) -> Outcome {
    let shown = |user: User| output::report(json, &UserView::from(user));
    match command {
        UserCommand::List { of, status, page } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let filter = match status {
                None => UserFilter::All,
                Some(UserStatusName::Active) => UserFilter::Status(UserStatus::Active),
                Some(UserStatusName::Deactivated) => UserFilter::Status(UserStatus::Deactivated),
                Some(UserStatusName::Deleted) => UserFilter::Status(UserStatus::Deleted),
            };
            list(core, operator, app, filter, &page, json).await
        }
        UserCommand::Search { prefix, of, page } => {
            let app = find::app(core, operator, &of.app).await?.id;
            let filter = if prefix.starts_with('+') {
                UserFilter::PhonePrefix(prefix)
            } else {
                UserFilter::EmailPrefix(prefix.to_ascii_lowercase())
            };
            list(core, operator, app, filter, &page, json).await
        }
        UserCommand::Show(user) => {
            let (app, id) = whose(core, operator, &user).await?;
            let found = users::show(core, operator, app, id).await;
            shown(found.map_err(|error| find::explained(error, &user.of))?)
        }
        UserCommand::Create {
            email,
            phone,
            verified,
            repeat,
            of,
        } => {
            let given = serde_json::json!([email, phone, verified, of.app]);
            let operator = &deployment::repeatable(operator, repeat, "user create", &given)?;
            let app = find::app(core, operator, &of.app).await?.id;
            let request = CreateUser {
                email: address(email.as_deref(), verified)?,
                phone: number(phone.as_deref(), verified)?,
            };
            shown(users::create(core, operator, app, request).await?)
        }
        UserCommand::Update {
            user,
            email,
            no_email,
            phone,
            no_phone,
            verified,
            against,
        } => {
            if verified && email.is_none() && phone.is_none() {
                return Err(Failure::usage(
                    "--verified: say what is verified, with --email or --phone.",
                ));
            }
            let (app, id) = whose(core, operator, &user).await?;
            let request = UpdateUser {
                email: change(address(email.as_deref(), verified)?, no_email),
                phone: change(number(phone.as_deref(), verified)?, no_phone),
                expected_version: against.if_version,
            };
            shown(users::update(core, operator, app, id, request).await?)
        }
        UserCommand::Deactivate {
            user,
            reason,
            without_owner,
        } => {
            let (app, id) = whose(core, operator, &user).await?;
            let request = SetStatus {
                reason: meant::optional_reason(reason.as_deref())?,
                without_owner,
            };
            shown(users::deactivate(core, operator, app, id, request).await?)
        }
        UserCommand::Reactivate { user, reason } => {
            let (app, id) = whose(core, operator, &user).await?;
            let reason = meant::optional_reason(reason.as_deref())?;
            shown(users::reactivate(core, operator, app, id, reason).await?)
        }
        UserCommand::Delete {
            user,
            meant,
            without_owner,
        } => {
            let (app, id) = whose(core, operator, &user).await?;
            let what = "deletes the user; for 30 days it can be restored";
            let request = deleting(operator, &meant, what, &user.user, without_owner)?;
            shown(users::delete(core, operator, app, id, request).await?)
        }
        UserCommand::Restore { user, reason } => {
            let (app, id) = whose(core, operator, &user).await?;
            let reason = meant::optional_reason(reason.as_deref())?;
            shown(users::restore(core, operator, app, id, reason).await?)
        }
        UserCommand::Erase {
            user,
            meant,
            without_owner,
        } => {
            let (app, id) = whose(core, operator, &user).await?;
            let what = "erases everything personal about the user, for good";
            let request = deleting(operator, &meant, what, &user.user, without_owner)?;
            let erased = users::erase(core, operator, app, id, request).await?;
            output::report(json, &ErasedView::from(erased))
        }
        UserCommand::Export(user) => {
            let (app, id) = whose(core, operator, &user).await?;
            export::print(core, operator, app, id).await
        }
        UserCommand::Orgs { user, page } => orgs::print(core, operator, &user, &page, json).await,
    }
}

async fn whose(core: &Core, operator: &Operator, user: &OneUser) -> Outcome<(AppId, UserId)> {
    let app = find::app(core, operator, &user.of.app).await?.id;
    Ok((app, find::user(core, operator, app, &user.user).await?))
}

fn deleting(
    operator: &Operator,
    meant: &Meant,
    what: &str,
    name: &str,
    without_owner: bool,
) -> Outcome<DeleteUser> {
    Ok(DeleteUser {
        deliberate: meant::deliberate(operator, meant, what, name)?,
        without_owner,
    })
}

async fn list(
    core: &Core,
    operator: &Operator,
    app: AppId,
    filter: UserFilter,
    page: &Paging,
    json: bool,
) -> Outcome {
    let by_address = !matches!(filter, UserFilter::All | UserFilter::Status(_));
    let from = pages::cursor(page.cursor.as_deref(), |text| {
        UserCursor::read(text, by_address).map(|UserCursor(place)| place)
    })?;
    let (found, next) = pages::gather(page.limit, from, async |after, room| {
        let most = pages::one_more(room);
        let page = users::list(core, operator, app, filter.clone(), after, most).await?;
        let place = |user: &User| filter.place_after(user);
        Ok(pages::ended_by_last(page, room, place))
    })
    .await?;
    let items = found.into_iter().map(UserView::from).collect();
    pages::print(json, UserList { items }, next.map(UserCursor))
}

fn address(text: Option<&str>, verified: bool) -> Outcome<Option<NewContact<EmailAddress>>> {
    text.map(|text| {
        EmailAddress::parse(text)
            .map(|value| NewContact { value, verified })
            .map_err(|error| Failure::usage(format!("--email: {error}.")))
    })
    .transpose()
}

fn number(text: Option<&str>, verified: bool) -> Outcome<Option<NewContact<PhoneNumber>>> {
    text.map(|text| {
        PhoneNumber::parse(text)
            .map(|value| NewContact { value, verified })
            .map_err(|error| Failure::usage(format!("--phone: {error}.")))
    })
    .transpose()
}

fn change<T>(new: Option<NewContact<T>>, remove: bool) -> ContactChange<T> {
    match new {
        Some(new) => ContactChange::Set(new),
        None if remove => ContactChange::Remove,
        None => ContactChange::Keep,
    }
}
