//! Users as operators change them.

use doorward_domain::contact::{EmailAddress, PhoneNumber, VerifiedAt};
use doorward_domain::{TenantId, Timestamp, UserId};

use super::{AppRead, AppWrite};
use crate::error::StoreError;

/// The addresses of a user, as they shall be: all of them.
#[derive(Debug, Clone)]
pub struct UserContacts {
    /// Whose.
    pub id: UserId,
    /// The e-mail address.
    pub email: Option<VerifiedAt<EmailAddress>>,
    /// The phone number.
    pub phone: Option<VerifiedAt<PhoneNumber>>,
    /// Now.
    pub now: Timestamp,
}

impl AppRead<'_> {
    /// Organizations in use, at most `limit`, that would have no active owner without this user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tenants_left_without_owner(
        &mut self,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<TenantId>, StoreError> {
        const SQL: &str = "SELECT m.tenant_id FROM memberships m \
             JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
             JOIN role_assignments r ON r.app_id = m.app_id AND r.tenant_id = m.tenant_id \
             AND r.user_id = m.user_id AND r.role = 'owner' \
             WHERE m.app_id = $1 AND m.user_id = $2 AND o.archived_at IS NULL AND NOT EXISTS \
             (SELECT 1 FROM role_assignments x \
             JOIN users u ON u.app_id = x.app_id AND u.id = x.user_id WHERE x.app_id = $1 \
             AND x.tenant_id = m.tenant_id AND x.role = 'owner' AND x.user_id <> $2 \
             AND u.status = 'active') ORDER BY m.tenant_id LIMIT $3";
        let params = [self.app_id.into(), user.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(|mut row| row.take()).collect()
    }
}

impl AppWrite<'_> {
    /// Holds every organization that a user owns until the transaction ends, so that what "the last
    /// owner" means does not change meanwhile. Gives how many there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold_owned_organizations(&mut self, user: UserId) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE organizations SET updated_at = updated_at WHERE app_id = $1 \
             AND id IN (SELECT m.tenant_id FROM memberships m WHERE m.app_id = $1 \
             AND m.user_id = $2 AND EXISTS (SELECT 1 FROM role_assignments r \
             WHERE r.app_id = $1 AND r.tenant_id = m.tenant_id AND r.user_id = m.user_id \
             AND r.role = 'owner'))";
        let params = [self.app_id.into(), user.into()];
        self.connection.execute(SQL, &params)
    }

    /// Creates a user that an operator asked for; `false` when somebody in this app has one of the
    /// addresses.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn create_user(&mut self, new: &UserContacts) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO users (app_id, id, status, email, email_canonical, \
             email_verified_at, phone, phone_verified_at, created_at, updated_at) \
             VALUES ($1, $2, 'active', $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING";
        let email = new.email.as_ref();
        let phone = new.phone.as_ref();
        let params = [
            self.app_id.into(),
            new.id.into(),
            email.map(|email| email.value.original()).into(),
            email.map(|email| email.value.canonical()).into(),
            email.and_then(|email| email.verified_at).into(),
            phone.map(|phone| phone.value.as_str()).into(),
            phone.and_then(|phone| phone.verified_at).into(),
            new.now.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Replaces the addresses of a user who is not deleted; `false` when there is none, or its
    /// version has moved on.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when another user has one of them.
    pub fn replace_contacts(
        &mut self,
        contacts: &UserContacts,
        expected_version: i64,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET email = $4, email_canonical = $5, \
             email_verified_at = $6, phone = $7, phone_verified_at = $8, updated_at = $9, \
             version = version + 1 \
             WHERE app_id = $1 AND id = $2 AND version = $3 AND status <> 'deleted'";
        let email = contacts.email.as_ref();
        let phone = contacts.phone.as_ref();
        let params = [
            self.app_id.into(),
            contacts.id.into(),
            expected_version.into(),
            email.map(|email| email.value.original()).into(),
            email.map(|email| email.value.canonical()).into(),
            email.and_then(|email| email.verified_at).into(),
            phone.map(|phone| phone.value.as_str()).into(),
            phone.and_then(|phone| phone.verified_at).into(),
            contacts.now.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Deletes a user softly, until `purge_after`; `false` when it is unknown or deleted already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delete_user(
        &mut self,
        id: UserId,
        purge_after: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET status_before = status, status = 'deleted', \
             deleted_at = $3, purge_after = $4, updated_at = $3, version = version + 1 \
             WHERE app_id = $1 AND id = $2 AND status <> 'deleted'";
        let params = [
            self.app_id.into(),
            id.into(),
            now.into(),
            purge_after.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Makes a deleted user what it was before; `false` when it is unknown, not deleted, or its time
    /// is over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn restore_user(&mut self, id: UserId, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET status = COALESCE(status_before, 'active'), \
             status_before = NULL, deleted_at = NULL, purge_after = NULL, updated_at = $3, \
             version = version + 1 WHERE app_id = $1 AND id = $2 AND status = 'deleted' \
             AND erased_at IS NULL AND (purge_after IS NULL OR purge_after > $3)";
        let params = [self.app_id.into(), id.into(), now.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Uses up every one-time secret of a user that is left. Gives how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn void_secrets_of_user(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE one_time_secrets SET used_at = $3 WHERE app_id = $1 \
             AND user_id = $2 AND used_at IS NULL AND expires_at > $3";
        let params = [self.app_id.into(), user.into(), now.into()];
        self.connection.execute(SQL, &params)
    }
}
