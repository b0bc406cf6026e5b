//! How many text messages an app had sent and how many of their codes were typed in; and its alarms.
//!
//! Sends of an app come one after the other, because they hold the row of its limit; so they count in
//! shard 0 alone, exactly, and a budget is one row. Codes that are typed in hold nothing of the whole
//! app, and count in one of the other shards, so that they do not wait for one another.

use doorward_domain::Timestamp;
use doorward_domain::sms::{AlarmKind, Periods, SmsCounts, UsageUnit};
use doorward_domain::time::plus_seconds;

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

/// What is counted, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsPeriod {
    /// How long it is.
    pub unit: UsageUnit,
    /// Numbers that begin so; empty for the whole app.
    pub prefix: String,
    /// Its beginning.
    pub starts_at: Timestamp,
}

impl SmsPeriod {
    /// Those in which counts what became of a message of that time: the day of the whole app, and the
    /// day and the five minutes of the beginning of the number.
    #[must_use]
    fn of_outcome(prefix: &str, at: Timestamp) -> [Self; 3] {
        let periods = Periods::at(at);
        [
            (UsageUnit::Day, "", periods.day),
            (UsageUnit::Day, prefix, periods.day),
            (UsageUnit::Slot, prefix, periods.slot),
        ]
        .map(|(unit, prefix, starts_at)| Self {
            unit,
            prefix: prefix.to_owned(),
            starts_at,
        })
    }
}

/// An alarm of an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmsAlarm {
    /// What about.
    pub kind: AlarmKind,
    /// Numbers that begin so; empty for the whole app.
    pub prefix: String,
    /// When it was raised last.
    pub raised_at: Timestamp,
    /// Until when it holds, and is not raised again.
    pub active_until: Timestamp,
    /// Whether nothing is sent there until then.
    pub stops: bool,
}

fn alarm(mut row: Row) -> Result<SmsAlarm, StoreError> {
    Ok(SmsAlarm {
        kind: AlarmKind::from_stored(&row.take::<String>()?)
            .ok_or_else(|| StoreError::decode("an unknown alarm"))?,
        prefix: row.take()?,
        raised_at: row.take()?,
        active_until: row.take()?,
        stops: row.take()?,
    })
}

impl AppRead<'_> {
    /// What was counted in periods that begin at `from` or later, and before `before`. A period is
    /// one row of sends and a few of verified codes and of what providers reported.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sms_counts(
        &mut self,
        unit: UsageUnit,
        prefix: &str,
        from: Timestamp,
        before: Timestamp,
    ) -> Result<SmsCounts, StoreError> {
        const SQL: &str = "SELECT CAST(COALESCE(SUM(sent), 0) AS BIGINT), \
             CAST(COALESCE(SUM(verified), 0) AS BIGINT), \
             CAST(COALESCE(SUM(delivered), 0) AS BIGINT), \
             CAST(COALESCE(SUM(failed), 0) AS BIGINT) FROM sms_usage WHERE app_id = $1 AND unit = $2 AND prefix = $3 AND starts_at >= $4 AND starts_at < $5";
        let params = [
            self.app_id.into(),
            unit.as_str().into(),
            prefix.into(),
            from.into(),
            before.into(),
        ];
        match self.connection.query(SQL, &params)?.pop() {
            Some(mut row) => Ok(SmsCounts {
                sent: row.take()?,
                verified: row.take()?,
                delivered: row.take()?,
                failed: row.take()?,
            }),
            None => Ok(SmsCounts::default()),
        }
    }

    /// The prefixes that anything was sent to in a period, by their digits, after the given one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sms_prefixes(
        &mut self,
        unit: UsageUnit,
        starts_at: Timestamp,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        const SQL: &str = "SELECT prefix FROM sms_usage WHERE app_id = $1 AND unit = $2 \
             AND starts_at = $3 AND shard = 0 AND prefix > $4 ORDER BY prefix LIMIT $5";
        // What has no prefix is the whole app's.
        let params = [
            self.app_id.into(),
            unit.as_str().into(),
            starts_at.into(),
            after.unwrap_or_default().into(),
            limit.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().map(|mut row| row.take()).collect()
    }

    /// An alarm that holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sms_alarm(
        &mut self,
        kind: AlarmKind,
        prefix: &str,
    ) -> Result<Option<SmsAlarm>, StoreError> {
        const SQL: &str = "SELECT kind, prefix, raised_at, active_until, stops FROM sms_alarms \
             WHERE app_id = $1 AND kind = $2 AND prefix = $3";
        let params = [self.app_id.into(), kind.as_str().into(), prefix.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter().next().map(alarm).transpose()
    }

    /// The alarms that were raised last, of each kind and prefix the latest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn sms_alarms(&mut self, limit: u32) -> Result<Vec<SmsAlarm>, StoreError> {
        const SQL: &str = "SELECT kind, prefix, raised_at, active_until, stops FROM sms_alarms \
             WHERE app_id = $1 ORDER BY raised_at DESC LIMIT $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), limit.into()])?;
        rows.into_iter().map(alarm).collect()
    }
}

impl AppWrite<'_> {
    /// Counts what became of a message of that time, in a shard (from 1) of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_sms_outcome(
        &mut self,
        prefix: &str,
        at: Timestamp,
        shard: u32,
        counts: SmsCounts,
    ) -> Result<(), StoreError> {
        for period in SmsPeriod::of_outcome(prefix, at) {
            self.count_sms(&period, shard, counts)?;
        }
        Ok(())
    }

    /// Counts in a period. Sends count in shard 0; whoever counts without holding the row of the
    /// app's limit takes another.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_sms(
        &mut self,
        period: &SmsPeriod,
        shard: u32,
        counts: SmsCounts,
    ) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO sms_usage (app_id, unit, prefix, starts_at, shard, sent, \
             verified, forget_at, delivered, failed) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (app_id, unit, prefix, starts_at, shard) DO UPDATE SET \
             sent = sms_usage.sent + excluded.sent, \
             verified = sms_usage.verified + excluded.verified, \
             delivered = sms_usage.delivered + excluded.delivered, \
             failed = sms_usage.failed + excluded.failed";
        let forget_at = plus_seconds(period.starts_at, period.unit.kept_seconds());
        let params = [
            self.app_id.into(),
            period.unit.as_str().into(),
            (&period.prefix).into(),
            period.starts_at.into(),
            shard.into(),
            counts.sent.into(),
            counts.verified.into(),
            forget_at.into(),
            counts.delivered.into(),
            counts.failed.into(),
        ];
        self.connection.defer(SQL, &params)
    }

    /// Raises an alarm, unless one of its kind and prefix holds still; whether it was raised. One
    /// statement: of any number of simultaneous callers one gets `true`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn raise_sms_alarm(&mut self, alarm: &SmsAlarm) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO sms_alarms (app_id, kind, prefix, raised_at, active_until, \
             stops, tell_at, tell_attempts) VALUES ($1, $2, $3, $4, $5, $6, $4, 0) \
             ON CONFLICT (app_id, kind, prefix) DO UPDATE SET raised_at = excluded.raised_at, \
             active_until = excluded.active_until, stops = excluded.stops, \
             tell_at = excluded.tell_at, tell_attempts = 0 \
             WHERE sms_alarms.active_until <= excluded.raised_at";
        let params = [
            self.app_id.into(),
            alarm.kind.as_str().into(),
            (&alarm.prefix).into(),
            alarm.raised_at.into(),
            alarm.active_until.into(),
            alarm.stops.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
