//! What is held of a person, removed: in bounded batches, so that nobody waits for it.

use doorward_domain::audit::ContactRef;
use doorward_domain::{Timestamp, UserId};

use super::AppWrite;
use crate::error::StoreError;

/// Whose traces are to go.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The user, who is deleted already.
    pub user_id: UserId,
    /// The addresses, as stored: in their canonical and in their original form.
    pub contacts: Vec<String>,
    /// What stands for them elsewhere, by each master key.
    pub contact_refs: Vec<ContactRef>,
}

impl AppWrite<'_> {
    /// Removes at most `limit` rows of each kind. Gives how many rows there were: 0 when nothing is
    /// left but the user's own row.
    ///
    /// Licences stay, revoked and without what they say of the person.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn erase_traces(
        &mut self,
        erasure: &Erasure,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const OF_USER: [&str; 8] = [
            "DELETE FROM sessions WHERE app_id = $1 AND id IN \
             (SELECT id FROM sessions WHERE app_id = $1 AND user_id = $2 LIMIT $3)",
            "DELETE FROM otp_requests WHERE app_id = $1 AND id IN \
             (SELECT id FROM otp_requests WHERE app_id = $1 AND user_id = $2 LIMIT $3)",
            // Whatever the addresses were that they went to.
            "DELETE FROM outbox WHERE app_id = $1 AND id IN \
             (SELECT id FROM outbox WHERE app_id = $1 AND user_id = $2 LIMIT $3)",
            "DELETE FROM one_time_secrets WHERE app_id = $1 AND id IN \
             (SELECT id FROM one_time_secrets WHERE app_id = $1 AND user_id = $2 LIMIT $3)",
            "DELETE FROM role_assignments WHERE app_id = $1 AND user_id = $2 AND tenant_id IN \
             (SELECT tenant_id FROM memberships WHERE app_id = $1 AND user_id = $2 \
             ORDER BY joined_at, tenant_id LIMIT $3)",
            "DELETE FROM memberships WHERE app_id = $1 AND user_id = $2 AND tenant_id IN \
             (SELECT tenant_id FROM memberships WHERE app_id = $1 AND user_id = $2 \
             ORDER BY joined_at, tenant_id LIMIT $3)",
            "UPDATE license_activations SET device_label = NULL WHERE app_id = $1 \
             AND device_label IS NOT NULL AND id IN (SELECT a.id FROM licenses l \
             JOIN license_activations a ON a.app_id = l.app_id AND a.license_id = l.id \
             WHERE l.app_id = $1 AND l.user_id = $2 AND a.device_label IS NOT NULL LIMIT $3)",
            "DELETE FROM audit_personal WHERE app_id = $1 AND event_id IN \
             (SELECT event_id FROM audit_personal WHERE app_id = $1 AND user_id = $2 LIMIT $3)",
        ];
        let mut gone = 0_u64;
        for sql in OF_USER {
            let params = [self.app_id.into(), erasure.user_id.into(), limit.into()];
            gone = gone.saturating_add(self.connection.execute(sql, &params)?);
        }
        gone = gone.saturating_add(self.erase_licenses(erasure, now, limit)?);
        for contact in &erasure.contacts {
            gone = gone.saturating_add(self.erase_contact(contact, now, limit)?);
        }
        for contact_ref in &erasure.contact_refs {
            gone = gone.saturating_add(self.erase_contact_ref(contact_ref, limit)?);
        }
        Ok(gone)
    }

    fn erase_licenses(
        &mut self,
        erasure: &Erasure,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const LICENSES: &str = "UPDATE licenses SET label = NULL, issued_to = NULL, \
             metadata = '{}', status = 'revoked', status_reason = NULL, status_changed_at = \
             CASE WHEN status = 'revoked' THEN status_changed_at ELSE $4 END, \
             version = version + 1, updated_at = $4 WHERE app_id = $1 AND id IN \
             (SELECT id FROM licenses WHERE app_id = $1 AND user_id = $2 AND (label IS NOT NULL \
             OR issued_to IS NOT NULL OR metadata <> '{}' OR status <> 'revoked' \
             OR status_reason IS NOT NULL) LIMIT $3)";
        let params = [
            self.app_id.into(),
            erasure.user_id.into(),
            limit.into(),
            now.into(),
        ];
        self.connection.execute(LICENSES, &params)
    }

    fn erase_contact(
        &mut self,
        contact: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const CODES: &str = "DELETE FROM otp_requests WHERE app_id = $1 AND id IN \
             (SELECT id FROM otp_requests WHERE app_id = $1 AND contact = $2 LIMIT $3)";
        // Of somebody else's licence, only that it was sold to the person.
        const SOLD: &str = "UPDATE licenses SET issued_to = NULL, version = version + 1, \
             updated_at = $4 WHERE app_id = $1 AND id IN (SELECT id FROM licenses \
             WHERE app_id = $1 AND issued_to = $2 LIMIT $3)";
        let params = [self.app_id.into(), contact.into(), limit.into()];
        let codes = self.connection.execute(CODES, &params)?;
        let params = [self.app_id.into(), contact.into(), limit.into(), now.into()];
        Ok(codes.saturating_add(self.connection.execute(SOLD, &params)?))
    }

    fn erase_contact_ref(
        &mut self,
        contact_ref: &ContactRef,
        limit: u32,
    ) -> Result<u64, StoreError> {
        const MESSAGES: &str = "DELETE FROM outbox WHERE app_id = $1 AND id IN \
             (SELECT id FROM outbox WHERE app_id = $1 AND contact_ref = $2 LIMIT $3)";
        const AUDIT: &str = "DELETE FROM audit_personal WHERE app_id = $1 AND event_id IN \
             (SELECT event_id FROM audit_personal WHERE app_id = $1 AND contact_ref = $2 LIMIT $3)";
        let params = [self.app_id.into(), contact_ref.into(), limit.into()];
        let messages = self.connection.execute(MESSAGES, &params)?;
        Ok(messages.saturating_add(self.connection.execute(AUDIT, &params)?))
    }

    /// Says that a deleted user is to be erased: from now on nothing restores it. `false` when it is
    /// unknown, not deleted, or erased.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin_erasure(&mut self, id: UserId, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET purge_after = $3, updated_at = $3, \
             version = version + 1 WHERE app_id = $1 AND id = $2 AND status = 'deleted' \
             AND erased_at IS NULL";
        let params = [self.app_id.into(), id.into(), now.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Holds a deleted user until the transaction ends, and says for good that it is erased: from now
    /// on nothing restores it, on no node, however its clock goes. `false` when it is unknown, erased,
    /// or not due: it was restored, or deleted anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hold_due_user(&mut self, id: UserId, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET purge_after = COALESCE(deleted_at, purge_after) \
             WHERE app_id = $1 AND id = $2 AND status = 'deleted' AND erased_at IS NULL \
             AND purge_after <= $3";
        let params = [self.app_id.into(), id.into(), now.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Takes the addresses from a deleted user: what is left is an id that nobody gets again. `false`
    /// when it is unknown, not due, or erased already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finish_erasure(&mut self, id: UserId, now: Timestamp) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE users SET email = NULL, email_canonical = NULL, \
             email_verified_at = NULL, phone = NULL, phone_verified_at = NULL, \
             status_before = NULL, purge_after = NULL, erased_at = $3, updated_at = $3, \
             version = version + 1 WHERE app_id = $1 AND id = $2 AND status = 'deleted' \
             AND erased_at IS NULL AND purge_after <= $3";
        let params = [self.app_id.into(), id.into(), now.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
