//! Users of an app.

use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber, VerifiedAt};
use doorward_domain::user::{User, UserStatus};
use doorward_domain::{Timestamp, UserId};

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

/// A user to be written, with one proved address.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// The address it proved to hold.
    pub contact: Contact,
    /// Now.
    pub created_at: Timestamp,
}

const COLUMNS_BY_ID: &str = "SELECT id, status, email, email_verified_at, phone, \
     phone_verified_at, created_at, version, updated_at, deleted_at, purge_after, erased_at \
     FROM users WHERE app_id = $1 AND id = $2";
const COLUMNS_BY_EMAIL: &str = "SELECT id, status, email, email_verified_at, phone, \
     phone_verified_at, created_at, version, updated_at, deleted_at, purge_after, erased_at \
     FROM users WHERE app_id = $1 AND email_canonical = $2";
const COLUMNS_BY_PHONE: &str = "SELECT id, status, email, email_verified_at, phone, \
     phone_verified_at, created_at, version, updated_at, deleted_at, purge_after, erased_at \
     FROM users WHERE app_id = $1 AND phone = $2";

/// From the columns of the statements above.
pub(super) fn user(mut row: Row) -> Result<User, StoreError> {
    let id = row.take()?;
    let status = UserStatus::from_stored(&row.take::<String>()?)
        .ok_or_else(|| StoreError::decode("an unknown user status"))?;
    let email = match (row.take::<Option<String>>()?, row.take()?) {
        (Some(text), verified_at) => Some(VerifiedAt {
            value: EmailAddress::parse(&text)
                .map_err(|_| StoreError::decode("an e-mail address that does not parse"))?,
            verified_at,
        }),
        (None, _) => None,
    };
    let phone = match (row.take::<Option<String>>()?, row.take()?) {
        (Some(text), verified_at) => Some(VerifiedAt {
            value: PhoneNumber::from_stored(&text)
                .ok_or_else(|| StoreError::decode("a phone number that does not parse"))?,
            verified_at,
        }),
        (None, _) => None,
    };
    Ok(User {
        id,
        status,
        email,
        phone,
        created_at: row.take()?,
        version: row.take()?,
        updated_at: row.take()?,
        deleted_at: row.take()?,
        purge_after: row.take()?,
        erased_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// A user of this app.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn user(&mut self, id: UserId) -> Result<Option<User>, StoreError> {
        let rows = self
            .connection
            .query(COLUMNS_BY_ID, &[self.app_id.into(), id.into()])?;
        rows.into_iter().next().map(user).transpose()
    }

    /// The user of this app who has this address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn user_by_contact(&mut self, contact: &Contact) -> Result<Option<User>, StoreError> {
        let sql = match contact {
            Contact::Email(_) => COLUMNS_BY_EMAIL,
            Contact::Phone(_) => COLUMNS_BY_PHONE,
        };
        let params = [self.app_id.into(), contact.canonical().into()];
        self.connection
            .query(sql, &params)?
            .into_iter()
            .next()
            .map(user)
            .transpose()
    }
}

impl AppWrite<'_> {
    /// Creates a user; `false` when somebody in this app already has the address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_user(&mut self, new: &NewUser) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO users (app_id, id, status, email, email_canonical, \
             email_verified_at, phone, phone_verified_at, created_at, updated_at) \
             VALUES ($1, $2, 'active', $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING";
        let at = Some(new.created_at);
        let (email, email_at, phone, phone_at) = match &new.contact {
            Contact::Email(email) => (Some(email), at, None, None),
            Contact::Phone(phone) => (None, None, Some(phone), at),
        };
        let params = [
            self.app_id.into(),
            new.id.into(),
            email.map(EmailAddress::original).into(),
            email.map(EmailAddress::canonical).into(),
            email_at.into(),
            phone.map(PhoneNumber::as_str).into(),
            phone_at.into(),
            new.created_at.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Sets an address on an active user and marks it proved; `false` when the user is unknown or
    /// not active, or another user of the app has the address.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when two users get the same address at the same moment.
    pub fn set_contact(
        &mut self,
        user_id: UserId,
        contact: &Contact,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const EMAIL: &str = "UPDATE users SET email = $3, email_canonical = $4, \
             email_verified_at = $5, updated_at = $5, version = version + 1 \
             WHERE app_id = $1 AND id = $2 AND status = 'active' AND NOT EXISTS \
             (SELECT 1 FROM users o WHERE o.app_id = $1 AND o.email_canonical = $4 AND o.id <> $2)";
        const PHONE: &str = "UPDATE users SET phone = $3, phone_verified_at = $4, updated_at = $4, \
             version = version + 1 \
             WHERE app_id = $1 AND id = $2 AND status = 'active' AND NOT EXISTS \
             (SELECT 1 FROM users o WHERE o.app_id = $1 AND o.phone = $3 AND o.id <> $2)";
        let app_id = self.app_id.into();
        let changed = match contact {
            Contact::Email(email) => self.connection.execute(
                EMAIL,
                &[
                    app_id,
                    user_id.into(),
                    email.original().into(),
                    email.canonical().into(),
                    now.into(),
                ],
            )?,
            Contact::Phone(phone) => self.connection.execute(
                PHONE,
                &[app_id, user_id.into(), phone.as_str().into(), now.into()],
            )?,
        };
        Ok(changed == 1)
    }

    /// Marks an address as proved again, where the user still has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn confirm_contact(
        &mut self,
        user_id: UserId,
        contact: &Contact,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const EMAIL: &str = "UPDATE users SET email_verified_at = $4, version = version + 1 WHERE app_id = $1 \
             AND id = $2 AND email_canonical = $3 AND email_verified_at IS NULL";
        const PHONE: &str = "UPDATE users SET phone_verified_at = $4, version = version + 1 WHERE app_id = $1 \
             AND id = $2 AND phone = $3 AND phone_verified_at IS NULL";
        let sql = match contact {
            Contact::Email(_) => EMAIL,
            Contact::Phone(_) => PHONE,
        };
        let params = [
            self.app_id.into(),
            user_id.into(),
            contact.canonical().into(),
            now.into(),
        ];
        Ok(self.connection.execute(sql, &params)? == 1)
    }

    /// Holds a user, whatever its status, until the transaction ends: nothing that is being written
    /// about the person escapes an erasure. `false` when it is unknown, or erased.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold_user(&mut self, user_id: UserId) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET updated_at = updated_at WHERE app_id = $1 AND id = $2 \
             AND erased_at IS NULL";
        let params = [self.app_id.into(), user_id.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Holds a user until the transaction ends, so that nobody changes its status meanwhile; `false`
    /// when it is unknown or not active. What follows for an active user (a session) is then seen
    /// by whoever deactivates it next.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold_active_user(&mut self, user_id: UserId) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET updated_at = updated_at \
             WHERE app_id = $1 AND id = $2 AND status = 'active'";
        let params = [self.app_id.into(), user_id.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Sets a user's status; `false` when it is unknown, has that status already, or is deleted:
    /// only [`AppWrite::restore_user`] brings a deleted one back, however late a change that was
    /// decided before the deletion arrives.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_user_status(
        &mut self,
        user_id: UserId,
        status: UserStatus,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET status = $3, updated_at = $4, version = version + 1 \
             WHERE app_id = $1 AND id = $2 AND status <> $3 AND status <> 'deleted'";
        let params = [
            self.app_id.into(),
            user_id.into(),
            status.as_str().into(),
            now.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
