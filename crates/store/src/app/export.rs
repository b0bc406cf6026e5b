//! What is held of a person, to be read out page by page.

use doorward_domain::audit::ContactRef;
use doorward_domain::{
    ActivationId, EventId, LicenseId, OneTimeSecretId, OtpRequestId, OutboxId, TenantId, Timestamp,
    UserId,
};

use super::AppRead;
use crate::error::StoreError;
use crate::platform::{StoredEvent, stored_event};
use crate::value::Row;

/// A request for a one-time code, without anything that helps to guess it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRecord {
    /// Its id.
    pub id: OtpRequestId,
    /// What it was for.
    pub purpose: String,
    /// How it was sent.
    pub channel: String,
    /// Where to.
    pub contact: String,
    /// The user who asked for it, where that was said.
    pub user_id: Option<UserId>,
    /// Wrong attempts.
    pub attempts: i64,
    /// Creation.
    pub created_at: Timestamp,
    /// End of life.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// A one-time secret other than a code, without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its id.
    pub id: OneTimeSecretId,
    /// What it was for.
    pub purpose: String,
    /// Creation.
    pub created_at: Timestamp,
    /// End of life.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// A message, without its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its id.
    pub id: OutboxId,
    /// How it travels.
    pub channel: String,
    /// Its template.
    pub template: String,
    /// Whose it is, where that is known.
    pub user_id: Option<UserId>,
    /// What became of it.
    pub state: String,
    /// Creation.
    pub created_at: Timestamp,
    /// When that was settled.
    pub finished_at: Option<Timestamp>,
}

/// A membership and its roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRecord {
    /// The organization.
    pub tenant_id: TenantId,
    /// Its name.
    pub name: String,
    /// Since when.
    pub joined_at: Timestamp,
    /// The roles, by name.
    pub roles: Vec<String>,
}

/// A device on a licence of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// The activation.
    pub id: ActivationId,
    /// On which licence.
    pub license_id: LicenseId,
    /// What the device was called.
    pub label: Option<String>,
    /// Creation.
    pub created_at: Timestamp,
    /// Last sighting.
    pub last_seen_at: Timestamp,
    /// When it gave its slot back.
    pub released_at: Option<Timestamp>,
}

impl AppRead<'_> {
    /// Memberships of a user, of archived organizations, too, in order of the organizations' ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn memberships_of_user(
        &mut self,
        user: UserId,
        after: Option<TenantId>,
        limit: u32,
    ) -> Result<Vec<MembershipRecord>, StoreError> {
        const SQL: &str = "SELECT m.tenant_id, o.name, m.joined_at, r.role FROM \
             (SELECT app_id, tenant_id, user_id, joined_at FROM memberships WHERE app_id = $1 \
             AND user_id = $2 AND tenant_id > $3 ORDER BY tenant_id LIMIT $4) m \
             JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
             JOIN role_assignments r ON r.app_id = m.app_id AND r.tenant_id = m.tenant_id \
             AND r.user_id = m.user_id WHERE r.app_id = $1 ORDER BY m.tenant_id, r.role";
        let after = after.unwrap_or(TenantId::from_uuid(uuid::Uuid::nil()));
        let params = [self.app_id.into(), user.into(), after.into(), limit.into()];
        let mut found: Vec<MembershipRecord> = Vec::new();
        for mut row in self.connection.query(SQL, &params)? {
            let tenant_id: TenantId = row.take()?;
            let (name, joined_at, role) = (row.take()?, row.take()?, row.take()?);
            match found.last_mut() {
                Some(last) if last.tenant_id == tenant_id => last.roles.push(role),
                _ => found.push(MembershipRecord {
                    tenant_id,
                    name,
                    joined_at,
                    roles: vec![role],
                }),
            }
        }
        Ok(found)
    }

    /// Devices on the licences of a user, in order of the licences.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn devices_of_user(
        &mut self,
        user: UserId,
        after: Option<ActivationId>,
        limit: u32,
    ) -> Result<Vec<DeviceRecord>, StoreError> {
        const SQL: &str = "SELECT a.id, a.license_id, a.device_label, a.created_at, \
             a.last_seen_at, a.released_at FROM licenses l JOIN license_activations a \
             ON a.app_id = l.app_id AND a.license_id = l.id WHERE l.app_id = $1 \
             AND l.user_id = $2 AND (a.license_id, a.id) > (COALESCE((SELECT c.license_id \
             FROM license_activations c WHERE c.app_id = $1 AND c.id = $3), $3), $3) \
             ORDER BY a.license_id, a.id LIMIT $4";
        let after = after.unwrap_or(ActivationId::from_uuid(uuid::Uuid::nil()));
        let params = [self.app_id.into(), user.into(), after.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .map(|mut row| {
                Ok(DeviceRecord {
                    id: row.take()?,
                    license_id: row.take()?,
                    label: row.take()?,
                    created_at: row.take()?,
                    last_seen_at: row.take()?,
                    released_at: row.take()?,
                })
            })
            .collect()
    }

    /// Requests for codes to an address (its canonical form), newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn codes_to(
        &mut self,
        contact: &str,
        before: Option<OtpRequestId>,
        limit: u32,
    ) -> Result<Vec<CodeRecord>, StoreError> {
        const SQL: &str = "SELECT id, purpose, channel, contact_original, user_id, attempts, \
             created_at, expires_at, used_at FROM otp_requests WHERE app_id = $1 AND contact = $2 \
             AND id < $3 ORDER BY id DESC LIMIT $4";
        let before = before.unwrap_or(OtpRequestId::from_uuid(uuid::Uuid::max()));
        let params = [
            self.app_id.into(),
            contact.into(),
            before.into(),
            limit.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(code).collect()
    }

    /// Requests for codes that a user asked for, to whatever address, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn codes_of_user(
        &mut self,
        user: UserId,
        before: Option<OtpRequestId>,
        limit: u32,
    ) -> Result<Vec<CodeRecord>, StoreError> {
        const SQL: &str = "SELECT id, purpose, channel, contact_original, user_id, attempts, \
             created_at, expires_at, used_at FROM otp_requests WHERE app_id = $1 AND user_id = $2 \
             AND id < $3 ORDER BY id DESC LIMIT $4";
        let before = before.unwrap_or(OtpRequestId::from_uuid(uuid::Uuid::max()));
        let params = [self.app_id.into(), user.into(), before.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(code).collect()
    }

    /// One-time secrets of a user, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn secrets_of_user(
        &mut self,
        user: UserId,
        before: Option<OneTimeSecretId>,
        limit: u32,
    ) -> Result<Vec<SecretRecord>, StoreError> {
        const SQL: &str = "SELECT id, purpose, created_at, expires_at, used_at \
             FROM one_time_secrets WHERE app_id = $1 AND user_id = $2 AND id < $3 \
             ORDER BY id DESC LIMIT $4";
        let before = before.unwrap_or(OneTimeSecretId::from_uuid(uuid::Uuid::max()));
        let params = [self.app_id.into(), user.into(), before.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .map(|mut row| {
                Ok(SecretRecord {
                    id: row.take()?,
                    purpose: row.take()?,
                    created_at: row.take()?,
                    expires_at: row.take()?,
                    used_at: row.take()?,
                })
            })
            .collect()
    }

    /// Messages to an address, by what stands for it, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn messages_to(
        &mut self,
        contact_ref: &ContactRef,
        before: Option<OutboxId>,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        const SQL: &str = "SELECT id, channel, template, user_id, state, created_at, finished_at \
             FROM outbox WHERE app_id = $1 AND contact_ref = $2 AND id < $3 \
             ORDER BY id DESC LIMIT $4";
        let before = before.unwrap_or(OutboxId::from_uuid(uuid::Uuid::max()));
        let params = [
            self.app_id.into(),
            contact_ref.into(),
            before.into(),
            limit.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(message).collect()
    }

    /// Messages of a user, to whatever address, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn messages_of_user(
        &mut self,
        user: UserId,
        before: Option<OutboxId>,
        limit: u32,
    ) -> Result<Vec<MessageRecord>, StoreError> {
        const SQL: &str = "SELECT id, channel, template, user_id, state, created_at, finished_at \
             FROM outbox WHERE app_id = $1 AND user_id = $2 AND id < $3 \
             ORDER BY id DESC LIMIT $4";
        let before = before.unwrap_or(OutboxId::from_uuid(uuid::Uuid::max()));
        let params = [self.app_id.into(), user.into(), before.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(message).collect()
    }

    /// Audit events whose target is a user, newest first, but for refreshes: of those a session says
    /// how many there were, and when the last one was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn events_of_user(
        &mut self,
        user: UserId,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        const SQL: &str = "SELECT e.id, e.at, e.app_id, e.actor_type, e.actor_id, e.action, \
             e.target_type, e.target_id, e.outcome, e.reason, e.ip, e.user_agent, e.request_id, \
             e.session_id, e.details, p.contact, p.ip FROM audit_events e \
             LEFT JOIN audit_personal p ON p.app_id = e.app_id AND p.event_id = e.id \
             WHERE e.app_id = $1 AND e.target_type = 'user' AND e.action <> 'session.refreshed' \
             AND e.target_id = $2 AND e.id < $3 \
             ORDER BY e.id DESC LIMIT $4";
        let before = before.unwrap_or(EventId::from_uuid(uuid::Uuid::max()));
        let user = user.to_string();
        let params = [
            self.app_id.into(),
            (&user).into(),
            before.into(),
            limit.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(stored_event).collect()
    }

    /// Audit events that only their personal part ties to a user (codes asked for and tried), newest
    /// first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn events_about_user(
        &mut self,
        user: UserId,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        const SQL: &str = "SELECT e.id, e.at, e.app_id, e.actor_type, e.actor_id, e.action, \
             e.target_type, e.target_id, e.outcome, e.reason, e.ip, e.user_agent, e.request_id, \
             e.session_id, e.details, p.contact, p.ip FROM audit_personal p \
             JOIN audit_events e ON e.app_id = p.app_id AND e.id = p.event_id \
             WHERE p.app_id = $1 AND p.user_id = $2 AND p.event_id < $3 \
             AND (e.target_type IS NULL OR e.target_type <> 'user') \
             ORDER BY p.event_id DESC LIMIT $4";
        let before = before.unwrap_or(EventId::from_uuid(uuid::Uuid::max()));
        let params = [self.app_id.into(), user.into(), before.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(stored_event).collect()
    }

    /// Audit events whose target is a licence, newest first, but for those that their personal part
    /// ties to the user: [`AppRead::events_about_user`] gives them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn events_of_license(
        &mut self,
        license: LicenseId,
        user: UserId,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        const SQL: &str = "SELECT e.id, e.at, e.app_id, e.actor_type, e.actor_id, e.action, \
             e.target_type, e.target_id, e.outcome, e.reason, e.ip, e.user_agent, e.request_id, \
             e.session_id, e.details, p.contact, p.ip FROM audit_events e \
             LEFT JOIN audit_personal p ON p.app_id = e.app_id AND p.event_id = e.id \
             WHERE e.app_id = $1 AND e.target_type <> 'user' AND e.target_type = 'license' \
             AND e.target_id = $2 AND e.id < $3 AND (p.user_id IS NULL OR p.user_id <> $4) \
             ORDER BY e.id DESC LIMIT $5";
        let before = before.unwrap_or(EventId::from_uuid(uuid::Uuid::max()));
        let license = license.to_string();
        let params = [
            self.app_id.into(),
            (&license).into(),
            before.into(),
            user.into(),
            limit.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(stored_event).collect()
    }

    /// The licence an event is about; `None` when it is about none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn license_of_event(&mut self, event: EventId) -> Result<Option<LicenseId>, StoreError> {
        const SQL: &str = "SELECT target_id FROM audit_events WHERE app_id = $1 AND id = $2 \
             AND target_type = 'license'";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), event.into()])?;
        let id: Option<String> = rows
            .into_iter()
            .next()
            .map(|mut row| row.take())
            .transpose()?;
        Ok(id.and_then(|id| id.parse().ok()))
    }

    /// The licence of a user that comes next in order of their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn next_license_of_user(
        &mut self,
        user: UserId,
        after: Option<LicenseId>,
    ) -> Result<Option<LicenseId>, StoreError> {
        const SQL: &str = "SELECT id FROM licenses WHERE app_id = $1 AND user_id = $2 \
             AND id > $3 ORDER BY id LIMIT 1";
        let after = after.unwrap_or(LicenseId::from_uuid(uuid::Uuid::nil()));
        let params = [self.app_id.into(), user.into(), after.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| row.take())
            .transpose()
    }
}

fn code(mut row: Row) -> Result<CodeRecord, StoreError> {
    Ok(CodeRecord {
        id: row.take()?,
        purpose: row.take()?,
        channel: row.take()?,
        contact: row.take()?,
        user_id: row.take()?,
        attempts: row.take()?,
        created_at: row.take()?,
        expires_at: row.take()?,
        used_at: row.take()?,
    })
}

fn message(mut row: Row) -> Result<MessageRecord, StoreError> {
    Ok(MessageRecord {
        id: row.take()?,
        channel: row.take()?,
        template: row.take()?,
        user_id: row.take()?,
        state: row.take()?,
        created_at: row.take()?,
        finished_at: row.take()?,
    })
}
