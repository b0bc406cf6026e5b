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
        after: Option<UserId>,
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
             AND email_canonical < $5 AND email_canonical > COALESCE((SELECT c.email_canonical \
             FROM users c WHERE c.app_id = $1 AND c.id = $2), '') \
             ORDER BY email_canonical LIMIT $3";
        const PHONE: &str = "SELECT id, status, email, email_verified_at, phone, \
             phone_verified_at, created_at, version, updated_at, deleted_at, purge_after, \
             erased_at FROM users WHERE app_id = $1 AND phone >= $4 AND phone < $5 \
             AND phone > COALESCE((SELECT c.phone FROM users c WHERE c.app_id = $1 \
             AND c.id = $2), '') ORDER BY phone LIMIT $3";
        let app_id = self.app_id.into();
        let newest = after.unwrap_or(UserId::from_uuid(uuid::Uuid::max()));
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
                    after.into(),
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
