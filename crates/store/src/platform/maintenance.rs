//! Deletion of what is dead, in bounded batches.

use doorward_domain::Timestamp;

use super::PlatformWrite;
use crate::error::StoreError;

/// What one batch deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Purged {
    /// One-time code requests.
    pub otp_requests: u64,
    /// Other one-time secrets.
    pub one_time_secrets: u64,
    /// Sessions.
    pub sessions: u64,
    /// Stored refresh answers.
    pub refresh_replays: u64,
    /// Rate-limit states.
    pub rate_limits: u64,
    /// Outbox messages.
    pub outbox: u64,
    /// What outbox messages carried that were sent and cannot be any more.
    pub outbox_contents: u64,
    /// Entries of the revocation feed.
    pub revocations: u64,
    /// Personal parts of audit events about strangers.
    pub audit_personal: u64,
    /// Answers to operators' creating calls.
    pub idempotency_keys: u64,
    /// Statistics of days long past.
    pub app_stats: u64,
    /// Counts of text messages.
    pub sms_usage: u64,
    /// Deleted users who were erased.
    pub users: u64,
}

impl Purged {
    /// Rows in all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.otp_requests
            + self.one_time_secrets
            + self.sessions
            + self.refresh_replays
            + self.rate_limits
            + self.outbox
            + self.outbox_contents
            + self.revocations
            + self.audit_personal
            + self.idempotency_keys
            + self.app_stats
            + self.sms_usage
            + self.users
    }

    /// Adds another batch.
    pub const fn add(&mut self, other: &Self) {
        self.otp_requests += other.otp_requests;
        self.one_time_secrets += other.one_time_secrets;
        self.sessions += other.sessions;
        self.refresh_replays += other.refresh_replays;
        self.rate_limits += other.rate_limits;
        self.outbox += other.outbox;
        self.outbox_contents += other.outbox_contents;
        self.revocations += other.revocations;
        self.audit_personal += other.audit_personal;
        self.idempotency_keys += other.idempotency_keys;
        self.app_stats += other.app_stats;
        self.sms_usage += other.sms_usage;
        self.users += other.users;
    }
}

/// Days that statistics are kept: a year, and the same month of the year before to compare with.
const STATS_DAYS: i64 = 400;

impl PlatformWrite<'_> {
    /// Deletes at most `limit` (up to 1,000) dead rows of each kind, the oldest first. Codes,
    /// secrets and messages are kept until `keep_until` after their end, so that a late attempt
    /// still gets the precise answer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn purge(
        &mut self,
        now: Timestamp,
        keep_until: Timestamp,
        limit: u32,
    ) -> Result<Purged, StoreError> {
        // The condition stands outside as well: a batch that waited for a row judges it again as it
        // is then (READ COMMITTED), and a limit that was hit meanwhile is alive.
        // The inner limit is a constant so that PostgreSQL's planner knows that few rows come: with
        // a parameter alone it expects a tenth of the dead ones, and reads them all for each batch.
        const OTP: &str = "DELETE FROM otp_requests WHERE id IN \
             (SELECT id FROM (SELECT id FROM otp_requests WHERE expires_at < $1 \
             ORDER BY expires_at LIMIT 1000) dead LIMIT $2) AND expires_at < $1";
        const SECRETS: &str = "DELETE FROM one_time_secrets WHERE (app_id, id) IN \
             (SELECT app_id, id FROM (SELECT app_id, id FROM one_time_secrets \
             WHERE expires_at < $1 ORDER BY expires_at LIMIT 1000) dead LIMIT $2) \
             AND expires_at < $1";
        const SESSIONS: &str = "DELETE FROM sessions WHERE (app_id, id) IN \
             (SELECT app_id, id FROM (SELECT app_id, id FROM sessions WHERE dead_after_day < $1 \
             ORDER BY dead_after_day LIMIT 1000) dead LIMIT $2) AND dead_after_day < $1";
        const REPLAYS: &str = "DELETE FROM refresh_replays WHERE (app_id, session_id, generation) IN \
             (SELECT app_id, session_id, generation FROM (SELECT app_id, session_id, generation \
             FROM refresh_replays WHERE expires_at < $1 ORDER BY expires_at LIMIT 1000) dead \
             LIMIT $2) AND expires_at < $1";
        const LIMITS: &str = "DELETE FROM rate_limits WHERE (app_id, key) IN \
             (SELECT app_id, key FROM (SELECT app_id, key FROM rate_limits WHERE forget_at < $1 \
             ORDER BY forget_at LIMIT 1000) dead LIMIT $2) AND forget_at < $1";
        const OUTBOX: &str = "DELETE FROM outbox WHERE id IN \
             (SELECT id FROM (SELECT id FROM outbox WHERE expires_at < $1 AND state <> 'queued' \
             ORDER BY expires_at LIMIT 1000) dead LIMIT $2) \
             AND expires_at < $1 AND state <> 'queued'";
        const CONTENTS: &str = "UPDATE outbox SET sealed = NULL WHERE id IN \
             (SELECT id FROM (SELECT id FROM outbox WHERE state = 'sent' AND sealed IS NOT NULL \
             AND expires_at < $1 ORDER BY expires_at LIMIT 1000) dead LIMIT $2) \
             AND state = 'sent' AND expires_at < $1";
        const REVOCATIONS: &str = "DELETE FROM revocations WHERE (app_id, kind, subject_id) IN \
             (SELECT app_id, kind, subject_id FROM (SELECT app_id, kind, subject_id \
             FROM revocations WHERE expires_at < $1 ORDER BY expires_at LIMIT 1000) dead \
             LIMIT $2) AND expires_at < $1";
        const IDEMPOTENCY: &str = "DELETE FROM idempotency_keys WHERE key_hash IN \
             (SELECT key_hash FROM (SELECT key_hash FROM idempotency_keys WHERE expires_at < $1 \
             ORDER BY expires_at LIMIT 1000) dead LIMIT $2) AND expires_at < $1";
        const STATS: &str = "DELETE FROM app_stats WHERE (app_id, day, part_id) IN \
             (SELECT app_id, day, part_id FROM (SELECT app_id, day, part_id FROM app_stats \
             WHERE day < $1 ORDER BY day LIMIT 1000) dead LIMIT $2) AND day < $1";
        const SMS: &str = "DELETE FROM sms_usage WHERE (app_id, unit, prefix, starts_at, shard) IN \
             (SELECT app_id, unit, prefix, starts_at, shard FROM (SELECT app_id, unit, prefix, \
             starts_at, shard FROM sms_usage WHERE forget_at < $1 ORDER BY forget_at LIMIT 1000) \
             dead LIMIT $2) AND forget_at < $1";
        let today = now.as_second().div_euclid(86_400);
        let limit = limit.into();
        let kept = keep_until.into();
        Ok(Purged {
            otp_requests: self.connection.execute(OTP, &[kept, limit])?,
            one_time_secrets: self.connection.execute(SECRETS, &[kept, limit])?,
            sessions: self.connection.execute(SESSIONS, &[today.into(), limit])?,
            refresh_replays: self.connection.execute(REPLAYS, &[now.into(), limit])?,
            rate_limits: self.connection.execute(LIMITS, &[now.into(), limit])?,
            outbox: self.connection.execute(OUTBOX, &[kept, limit])?,
            outbox_contents: self.connection.execute(CONTENTS, &[now.into(), limit])?,
            revocations: self.connection.execute(REVOCATIONS, &[now.into(), limit])?,
            audit_personal: 0,
            idempotency_keys: self.connection.execute(IDEMPOTENCY, &[now.into(), limit])?,
            app_stats: self
                .connection
                .execute(STATS, &[(today - STATS_DAYS).into(), limit])?,
            sms_usage: self.connection.execute(SMS, &[now.into(), limit])?,
            users: 0,
        })
    }

    /// Deletes at most `limit` (up to 1,000) personal parts of audit events that are older than
    /// `before` and about nobody who is a user. Gives how many.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn purge_strangers(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        const SQL: &str = "DELETE FROM audit_personal WHERE event_id IN \
             (SELECT event_id FROM (SELECT event_id FROM audit_personal \
             WHERE user_id IS NULL AND event_id < $1 ORDER BY event_id LIMIT 1000) dead LIMIT $2) \
             AND user_id IS NULL";
        // An event's id begins with its time (RFC 9562 §5.7).
        let millis = u64::try_from(before.as_millisecond()).unwrap_or(0);
        let first = uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid();
        self.connection.execute(SQL, &[first.into(), limit.into()])
    }
}
