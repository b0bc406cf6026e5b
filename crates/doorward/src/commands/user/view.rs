//! Users as commands print them.

use doorward_domain::time::iso;
use doorward_domain::user::User;
use doorward_service::users::Erased;
use serde::Serialize;

use crate::output::{Report, labels, table};

/// A user.
#[derive(Serialize)]
pub(super) struct UserView {
    user_id: String,
    status: &'static str,
    email: Option<String>,
    email_verified_at: Option<String>,
    phone: Option<String>,
    phone_verified_at: Option<String>,
    version: i64,
    created_at: String,
    updated_at: String,
    deleted_at: Option<String>,
    purge_after: Option<String>,
    erased_at: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let (email, email_at) = user
            .email
            .map(|known| (known.value, known.verified_at))
            .unzip();
        let (phone, phone_at) = user
            .phone
            .map(|known| (known.value, known.verified_at))
            .unzip();
        Self {
            user_id: user.id.to_string(),
            status: user.status.as_str(),
            email: email.map(|email| email.original().to_owned()),
            email_verified_at: email_at.flatten().map(iso),
            phone: phone.map(|phone| phone.as_str().to_owned()),
            phone_verified_at: phone_at.flatten().map(iso),
            version: user.version,
            created_at: iso(user.created_at),
            updated_at: iso(user.updated_at),
            deleted_at: user.deleted_at.map(iso),
            purge_after: user.purge_after.map(iso),
            erased_at: user.erased_at.map(iso),
        }
    }
}

impl UserView {
    fn standing(&self) -> String {
        match (&self.erased_at, &self.purge_after) {
            (Some(at), _) => format!("erased {at}"),
            (None, Some(at)) => format!("deleted; erased after {at}"),
            _ => self.status.to_owned(),
        }
    }
}

impl Report for UserView {
    fn human(&self) -> String {
        let address = |value: &Option<String>, at: &Option<String>| match (value, at) {
            (None, _) => "none".to_owned(),
            (Some(value), Some(at)) => format!("{value} (proved {at})"),
            (Some(value), None) => format!("{value} (not proved)"),
        };
        labels(&[
            ("user_id", self.user_id.clone()),
            ("status", self.standing()),
            ("email", address(&self.email, &self.email_verified_at)),
            ("phone", address(&self.phone, &self.phone_verified_at)),
            ("created", self.created_at.clone()),
            ("changed", self.updated_at.clone()),
        ])
    }
}

/// Users.
#[derive(Serialize)]
pub(super) struct UserList {
    pub(super) items: Vec<UserView>,
}

impl Report for UserList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "There is no such user.\n".to_owned();
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|user| {
                [
                    user.user_id.clone(),
                    user.status.to_owned(),
                    user.created_at.clone(),
                    user.email.clone().unwrap_or_default(),
                    user.phone.clone().unwrap_or_default(),
                ]
            })
            .collect();
        table(["USER ID", "STATUS", "CREATED", "EMAIL", "PHONE"], &rows)
    }
}

/// What an erasure came to.
#[derive(Serialize)]
pub(super) struct ErasedView {
    complete: bool,
    user: UserView,
}

impl From<Erased> for ErasedView {
    fn from(erased: Erased) -> Self {
        Self {
            complete: erased.complete,
            user: erased.user.into(),
        }
    }
}

impl Report for ErasedView {
    fn human(&self) -> String {
        if self.complete {
            format!("Erased. Only the id {} is left.\n", self.user.user_id)
        } else {
            "There was much: maintenance erases the rest.\n".to_owned()
        }
    }
}
