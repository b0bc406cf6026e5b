//! Finding users: lists, and searches by how an address begins.

use doorward_domain::UserId;
use doorward_domain::user::{User, UserStatus};

use super::AppRead;
use super::users::user;
use crate::error::StoreError;

/// Which users to read. Each is served by an index of its own, so that a page costs the same however
/// many users there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserFilter {
    /// All, newest first.
    All,
    /// Those who stand so, newest first.
    Status(UserStatus),
    /// Those whose e-mail address, in its canonical form, begins so; in order of the addresses.
    EmailPrefix(String),
    /// Those whose phone number begins so; in order of the numbers.
    PhonePrefix(String),
}

/// Where a page of users ended. A place among addresses is the address itself, because whoever had it
/// may be erased before the next page is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserPlace {
    /// After this user; for lists that are newest first.
    Id(UserId),
    /// After this address, in its canonical form; for searches by how an address begins.
    Address(String),
}

impl UserFilter {
    /// Where a page of this list ends that this user is the last of.
    #[must_use]
    pub fn place_after(&self, user: &User) -> UserPlace {
        let address = match self {
            Self::All | Self::Status(_) => None,
            Self::EmailPrefix(_) => user.email.as_ref().map(|it| it.value.canonical()),
            Self::PhonePrefix(_) => user.phone.as_ref().map(|it| it.value.as_str()),
        };
        match address {
            Some(address) => UserPlace::Address(address.to_owned()),
            None => UserPlace::Id(user.id),
        }
    }
}

/// Behind everything that begins with a prefix: no text holds the last code point.
fn behind(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}

impl AppRead<'_> {
    /// Users, after the one that ended the former page.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn users(
        &mut self,
        filter: &UserFilter,
        after: Option<&UserPlace>,
        limit: u32,
    ) -> Result<Vec<User>, StoreError> {
        const ALL: &str = "SELECT id, status, email, email_verified_at, phone, \
             phone_verified_at, created_at, version, updated_at, deleted_at, purge_after, \
             erased_at FROM users WHERE app_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        const STATUS: &str = "SELECT id, status, email, email_verified_at, phone, \
             phone_verified_at, created_at, version, updated_at, deleted_at, purge_after, \
             erased_at FROM users WHERE app_id = $1 AND id < $2 AND status = $4 \
             ORDER BY id DESC LIMIT $3";
        const EMAIL: &str = "SELECT id, status, email, email_verified_at, phone, \
             phone_verified_at, created_at, version, updated_at, deleted_at, purge_after, \
             erased_at FROM users WHERE app_id = $1 AND email_canonical >= $4 \
             AND email_canonical < $5 AND email_canonical > $2 ORDER BY email_canonical LIMIT $3";
        const PHONE: &str = "SELECT id, status, email, email_verified_at, phone, \
             phone_verified_at, created_at, version, updated_at, deleted_at, purge_after, \
             erased_at FROM users WHERE app_id = $1 AND phone >= $4 AND phone < $5 \
             AND phone > $2 ORDER BY phone LIMIT $3";
        let app_id = self.app_id.into();
        let (newest, address) = match after {
            None => (UserId::from_uuid(uuid::Uuid::max()), ""),
            Some(UserPlace::Id(id)) => (*id, ""),
            Some(UserPlace::Address(address)) => {
                (UserId::from_uuid(uuid::Uuid::max()), address.as_str())
            }
        };
        let rows = match filter {
            UserFilter::All => {
                let params = [app_id, newest.into(), limit.into()];
                self.connection.query(ALL, &params)?
            }
            UserFilter::Status(status) => {
                let status = status.as_str();
                let params = [app_id, newest.into(), limit.into(), status.into()];
                self.connection.query(STATUS, &params)?
            }
            UserFilter::EmailPrefix(prefix) | UserFilter::PhonePrefix(prefix) => {
                let sql = match filter {
                    UserFilter::EmailPrefix(_) => EMAIL,
                    _ => PHONE,
                };
                let end = behind(prefix);
                let params = [
                    app_id,
                    address.into(),
                    limit.into(),
                    prefix.into(),
                    (&end).into(),
                ];
                self.connection.query(sql, &params)?
            }
        };
        rows.into_iter().map(user).collect()
    }
}
