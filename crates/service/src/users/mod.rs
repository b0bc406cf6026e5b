//! Users of an app, as operators see and change them.

mod create;
mod delete;
mod erase;
mod export;
mod search;
mod status;
mod update;

pub use create::{CreateUser, NewContact, create};
pub use delete::{DeleteUser, delete, restore};
pub(crate) use erase::erase_due;
pub use erase::{Erased, erase};
pub use export::{ExportItem, ExportPage, ExportPlace, export};
pub use search::{find, list, show};
pub use status::{SetStatus, deactivate, reactivate, set_status};
pub(crate) use status::{end_sessions, void_all_codes};
pub use update::{ContactChange, UpdateUser, update};

pub use doorward_store::app::{UserFilter, UserPlace};

use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::user::User;
use doorward_domain::{Code, UserId};
use doorward_store::WriteTx;

use crate::caller::Here;
use crate::error::{Error, Result};
use crate::proof::Deliberate;

/// Most users in one page.
pub const PAGE_MAX: u32 = 101;

fn found(user: Option<User>) -> Result<User> {
    user.ok_or_else(|| Error::new(Code::UserNotFound))
}

/// The addresses of a user.
fn contacts(user: &User) -> impl Iterator<Item = Contact> {
    let email = user
        .email
        .as_ref()
        .map(|known| Contact::Email(known.value.clone()));
    let phone = user
        .phone
        .as_ref()
        .map(|known| Contact::Phone(known.value.clone()));
    email.into_iter().chain(phone)
}

impl Deliberate {
    /// Whether this user is the one that was named: by id or by an address.
    pub(crate) fn names_user(&self, user: &User) -> Result<()> {
        let typed = EmailAddress::parse(self.confirm())
            .map(Contact::Email)
            .or_else(|_| PhoneNumber::parse(self.confirm()).map(Contact::Phone));
        let is_theirs = typed.is_ok_and(|typed| {
            contacts(user).any(|contact| contact.canonical() == typed.canonical())
        });
        if is_theirs {
            return Ok(());
        }
        self.names([user.id.to_string().as_str()])
    }
}

/// Refuses to have taken the last active owner from an organization; to be asked when the user is
/// inactive already, in the transaction that made it so. Then nobody makes the user an owner any more
/// (whoever is about to waits for the user's row), so the organizations that are held here are all that
/// it owns, those included that it got after [`prepare_end`](status::prepare_end) held them.
fn keep_owners(here: &Here, tx: &mut WriteTx<'_>, id: UserId, override_it: bool) -> Result<()> {
    let mut scope = tx.app(here.app.id);
    if override_it || scope.hold_owned_organizations(id)? == 0 {
        return Ok(());
    }
    let left = scope.tenants_left_without_owner(id, 3)?;
    if left.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = left.iter().map(ToString::to_string).collect();
    Err(Error::new(Code::LastOwner).with_message(format!(
        "The user is the last owner of {}. Make somebody else an owner, archive the organization, \
         or say `without_owner`.",
        names.join(", ")
    )))
}
