//! Sessions: one row per refresh-token family, whatever its age.

use std::net::IpAddr;

use doorward_domain::session::{EndReason, Presented, Session, State};
use doorward_domain::user::UserStatus;
use doorward_domain::{SessionId, TenantId, Timestamp, UserId};

use super::{AppRead, AppWrite, UserClaims};
use crate::error::StoreError;

/// A session to be written, at generation 1.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The organization its tokens speak for.
    pub tenant_id: Option<TenantId>,
    /// SHA-256 of the first nonce.
    pub nonce_hash: [u8; 32],
    /// The app's session epoch.
    pub epoch: i64,
    /// How the person proved who they are (RFC 8176), space separated.
    pub amr: String,
    /// From where.
    pub ip: Option<IpAddr>,
    /// With what.
    pub user_agent: Option<String>,
    /// Now.
    pub created_at: Timestamp,
    /// Idle end.
    pub expires_at: Timestamp,
    /// Absolute end.
    pub absolute_expires_at: Timestamp,
}

/// The exchange of the current token for its successor.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The token presented.
    pub presented: Presented,
    /// SHA-256 of the successor's nonce.
    pub new_nonce_hash: [u8; 32],
    /// The app's version that authorised the caller.
    pub app_version: i64,
    /// The app's session epoch.
    pub epoch: i64,
    /// Now.
    pub now: Timestamp,
    /// The new idle end (cut to the absolute end by the statement).
    pub expires_at: Timestamp,
    /// The organization the tokens are to speak for from now on; `None` leaves it as it is.
    pub tenant_id: Option<TenantId>,
}

/// Sessions that were ended together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndedSessions {
    /// How many were alive.
    pub count: u64,
    /// When the last access token of any of them was issued.
    pub last_issued_at: Option<Timestamp>,
}

/// What a rotation yields, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Whose session.
    pub user_id: UserId,
    /// The organization its tokens speak for.
    pub tenant_id: Option<TenantId>,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// How.
    pub amr: String,
    /// What the token says beyond that, as [`AppRead::claims_of_user`] would find it: read by the
    /// same statement, because each one costs PostgreSQL a round trip.
    pub claims: UserClaims,
}

/// A session and whether its user may sign in.
#[derive(Debug, Clone)]
pub struct SessionWithUser {
    /// The session.
    pub session: Session,
    /// Its user's status.
    pub user_status: UserStatus,
}

impl SessionWithUser {
    /// What decides about a refresh, given the app's current session epoch.
    #[must_use]
    pub fn state(&self, epoch: i64) -> State {
        State {
            generation: self.session.generation,
            nonce_hash: self.session.nonce_hash,
            ended: self.session.ended.is_some() || self.session.epoch != epoch,
            expires_at: self
                .session
                .expires_at
                .min(self.session.absolute_expires_at),
            user_active: self.user_status == UserStatus::Active,
        }
    }
}

/// Days since 1970 of a time.
fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

impl AppRead<'_> {
    /// A session of this app.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn session(&mut self, id: SessionId) -> Result<Option<SessionWithUser>, StoreError> {
        const SQL: &str = "SELECT s.user_id, s.tenant_id, s.generation, s.nonce_hash, s.epoch, \
             s.auth_time, s.amr, s.created_at, s.last_used_at, s.expires_at, \
             s.absolute_expires_at, s.ended_at, s.end_reason, u.status \
             FROM sessions s JOIN users u ON u.app_id = s.app_id AND u.id = s.user_id \
             WHERE s.app_id = $1 AND s.id = $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), id.into()])?;
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut session = Session {
            id,
            user_id: row.take()?,
            tenant_id: row.take()?,
            generation: row.take()?,
            nonce_hash: row.take()?,
            epoch: row.take()?,
            auth_time: row.take()?,
            amr: row.take()?,
            created_at: row.take()?,
            last_used_at: row.take()?,
            expires_at: row.take()?,
            absolute_expires_at: row.take()?,
            ended: None,
        };
        let ended_at: Option<Timestamp> = row.take()?;
        let reason: Option<String> = row.take()?;
        session.ended = match (ended_at, reason) {
            (Some(at), Some(reason)) => Some((
                at,
                EndReason::from_stored(&reason)
                    .ok_or_else(|| StoreError::decode("an unknown end reason"))?,
            )),
            _ => None,
        };
        let user_status = UserStatus::from_stored(&row.take::<String>()?)
            .ok_or_else(|| StoreError::decode("an unknown user status"))?;
        Ok(Some(SessionWithUser {
            session,
            user_status,
        }))
    }
}

impl AppWrite<'_> {
    /// Begins a session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_session(&mut self, session: &NewSession) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO sessions (app_id, id, user_id, tenant_id, generation, \
             nonce_hash, epoch, auth_time, amr, ip, user_agent, created_at, last_used_at, \
             expires_at, absolute_expires_at, dead_after_day) \
             VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $7, $7, $11, $12, $13)";
        let ip = session.ip.map(|ip| ip.to_string());
        let app_id = self.app_id;
        self.connection.defer(
            SQL,
            &[
                app_id.into(),
                session.id.into(),
                session.user_id.into(),
                session.tenant_id.into(),
                (&session.nonce_hash).into(),
                session.epoch.into(),
                session.created_at.into(),
                (&session.amr).into(),
                ip.as_deref().into(),
                session.user_agent.as_deref().into(),
                session.expires_at.into(),
                session.absolute_expires_at.into(),
                day(session.expires_at).into(),
            ],
        )
    }

    /// Exchanges the current token for its successor. One statement, whose condition is that of
    /// `Verdict::Rotate`, that the app is still as the caller was authorised, and that the user is a
    /// member of the organization asked for: of any number of simultaneous callers exactly one gets
    /// `Some`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rotate_session(&mut self, rotation: &Rotation) -> Result<Option<Rotated>, StoreError> {
        const SQL: &str = "UPDATE sessions SET generation = generation + 1, nonce_hash = $5, \
             last_used_at = $6, dead_after_day = $8, tenant_id = COALESCE($11, tenant_id), \
             expires_at = CASE WHEN $7 < absolute_expires_at THEN $7 ELSE absolute_expires_at END \
             WHERE app_id = $1 AND id = $2 AND generation = $3 AND nonce_hash = $4 \
             AND ended_at IS NULL AND expires_at > $6 AND absolute_expires_at > $6 AND epoch = $9 \
             AND EXISTS (SELECT 1 FROM apps a WHERE a.id = $1 AND a.version = $10 \
                 AND a.status = 'active') \
             AND EXISTS (SELECT 1 FROM users u WHERE u.app_id = $1 AND u.id = sessions.user_id \
                 AND u.status = 'active') \
             AND (EXISTS (SELECT 1 FROM memberships m \
                 JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
                 WHERE m.app_id = $1 AND m.tenant_id = $11 AND m.user_id = sessions.user_id \
                 AND o.archived_at IS NULL) OR $11 IS NULL) \
             RETURNING user_id, tenant_id, auth_time, amr, \
             COALESCE((SELECT m.tenant_id FROM memberships m \
                 JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
                 WHERE m.app_id = $1 AND m.tenant_id = sessions.tenant_id \
                 AND m.user_id = sessions.user_id AND o.archived_at IS NULL), \
                 (SELECT m.tenant_id FROM memberships m \
                 JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
                 WHERE m.app_id = $1 AND m.user_id = sessions.user_id \
                 AND o.archived_at IS NULL ORDER BY m.joined_at, m.tenant_id LIMIT 1)), \
             (SELECT STRING_AGG(r.role, ' ') FROM role_assignments r WHERE r.app_id = $1 \
                 AND r.user_id = sessions.user_id AND r.tenant_id = \
                 COALESCE((SELECT m.tenant_id FROM memberships m \
                 JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
                 WHERE m.app_id = $1 AND m.tenant_id = sessions.tenant_id \
                 AND m.user_id = sessions.user_id AND o.archived_at IS NULL), \
                 (SELECT m.tenant_id FROM memberships m \
                 JOIN organizations o ON o.app_id = m.app_id AND o.id = m.tenant_id \
                 WHERE m.app_id = $1 AND m.user_id = sessions.user_id \
                 AND o.archived_at IS NULL ORDER BY m.joined_at, m.tenant_id LIMIT 1))), \
             (SELECT STRING_AGG(l.entitlements, ' ') FROM licenses l WHERE l.app_id = $1 \
                 AND l.user_id = sessions.user_id AND l.status = 'active' \
                 AND (l.expires_at IS NULL OR l.expires_at > $6))";
        let params = [
            self.app_id.into(),
            rotation.presented.session_id.into(),
            rotation.presented.generation.into(),
            (&rotation.presented.nonce_hash).into(),
            (&rotation.new_nonce_hash).into(),
            rotation.now.into(),
            rotation.expires_at.into(),
            day(rotation.expires_at).into(),
            rotation.epoch.into(),
            rotation.app_version.into(),
            rotation.tenant_id.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(Rotated {
                    user_id: row.take()?,
                    tenant_id: row.take()?,
                    auth_time: row.take()?,
                    amr: row.take()?,
                    claims: UserClaims::from_joined(row.take()?, row.take()?, row.take()?)?,
                })
            })
            .transpose()
    }

    /// Ends a session. `Some` with its user when this call ended it; `None` when it had ended
    /// before, or is none of this app's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn end_session(
        &mut self,
        id: SessionId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        const SQL: &str = "UPDATE sessions SET ended_at = $3, end_reason = $4 \
             WHERE app_id = $1 AND id = $2 AND ended_at IS NULL RETURNING user_id";
        let params = [
            self.app_id.into(),
            id.into(),
            now.into(),
            reason.as_str().into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| row.take())
            .transpose()
    }

    /// Sets the organization that a session's tokens speak for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_session_tenant(
        &mut self,
        id: SessionId,
        tenant: Option<TenantId>,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE sessions SET tenant_id = $3 WHERE app_id = $1 AND id = $2";
        let params = [self.app_id.into(), id.into(), tenant.into()];
        self.connection.defer(SQL, &params)
    }

    /// Ends every live session of a user.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn end_user_sessions(
        &mut self,
        user_id: UserId,
        reason: EndReason,
        epoch: i64,
        now: Timestamp,
    ) -> Result<EndedSessions, StoreError> {
        const SQL: &str = "UPDATE sessions SET ended_at = $3, end_reason = $4 \
             WHERE app_id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3 \
             AND absolute_expires_at > $3 AND epoch = $5 RETURNING last_used_at";
        let params = [
            self.app_id.into(),
            user_id.into(),
            now.into(),
            reason.as_str().into(),
            epoch.into(),
        ];
        let mut ended = EndedSessions::default();
        for mut row in self.connection.query(SQL, &params)? {
            ended.count += 1;
            ended.last_issued_at = ended.last_issued_at.max(Some(row.take()?));
        }
        Ok(ended)
    }
}
