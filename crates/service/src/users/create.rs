//! Creating a user.

use std::sync::Arc;

use doorward_domain::audit::Action;
use doorward_domain::contact::{EmailAddress, PhoneNumber, VerifiedAt};
use doorward_domain::scope::Scope;
use doorward_domain::user::User;
use doorward_domain::{AppId, Code, Timestamp, UserId};
use doorward_store::app::UserContacts;

use super::{contacts, found};
use crate::caller::Caller;
use crate::context::{Describe, Operator};
use crate::core::Core;
use crate::error::{Error, Result};

/// An address that an operator gives to a user.
#[derive(Debug, Clone)]
pub struct NewContact<T> {
    /// The address.
    pub value: T,
    /// Whether the operator vouches that the user holds it. Otherwise the first sign-in by it
    /// proves it.
    pub verified: bool,
}

impl<T> NewContact<T> {
    pub(super) fn stored(self, now: Timestamp) -> VerifiedAt<T> {
        VerifiedAt {
            value: self.value,
            verified_at: self.verified.then_some(now),
        }
    }
}

/// What is asked for: one address at least.
#[derive(Debug, Clone, Default)]
pub struct CreateUser {
    /// The e-mail address.
    pub email: Option<NewContact<EmailAddress>>,
    /// The phone number.
    pub phone: Option<NewContact<PhoneNumber>>,
}

/// Creates a user, whether or not the app lets people sign up by themselves.
///
/// # Errors
/// [`Code::ValidationError`] without an address; [`Code::AddressTaken`] (also by a deleted user);
/// [`Code::Forbidden`] without `users:write`; [`Code::AppNotFound`].
pub async fn create(
    core: &Core,
    operator: &Operator,
    app_id: AppId,
    request: CreateUser,
) -> Result<User> {
    if request.email.is_none() && request.phone.is_none() {
        return Err(Error::field(
            "email",
            "Give an e-mail address or a phone number",
        ));
    }
    let context = &operator.context;
    let id = UserId::generate(&*context.clock, &*context.random);
    let keyring = Arc::clone(&core.keyring);
    let caller = Caller::Operator(operator, app_id);
    let made = core
        .create_as(caller, Scope::UsersWrite, move |here, tx| {
            let now = here.now();
            let request = request.clone();
            let new = UserContacts {
                id,
                email: request.email.map(|email| email.stored(now)),
                phone: request.phone.map(|phone| phone.stored(now)),
                now,
            };
            let mut scope = tx.app(here.app.id);
            if !scope.create_user(&new)? {
                return Err(Error::new(Code::AddressTaken));
            }
            let user = found(scope.user(id)?)?;
            for contact in contacts(&user) {
                let contact_ref = keyring.contact_ref(here.app.id, contact.canonical());
                scope.claim_personal(id, &contact_ref)?;
                let event = here.event(Action::UserCreated).on("user", id);
                scope.audit(&event.about(contact_ref, &contact, None))?;
            }
            Ok(Ok(id))
        })
        .await?;
    core.store
        .read(move |tx| found(tx.app(app_id).user(made)?))
        .await
}
