//! Alarms that are to be told to whoever the deployment names.

use doorward_domain::sms::AlarmKind;
use doorward_domain::{AppId, Timestamp};

use super::PlatformWrite;
use crate::app::SmsAlarm;
use crate::error::StoreError;

/// An alarm that not everybody has been told yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntoldAlarm {
    /// Whose.
    pub app_id: AppId,
    /// Which.
    pub alarm: SmsAlarm,
    /// Which attempt to tell it this is, from 1.
    pub attempt: i64,
    /// Who was told before.
    pub told: Vec<String>,
    /// Until when it is the taker's.
    pub until: Timestamp,
}

impl PlatformWrite<'_> {
    /// Takes the alarm that is due longest, until `until`: then another node may. One statement takes
    /// it: of any number of nodes one gets it. Kinds that only a later version knows are left to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_untold_alarm(
        &mut self,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<UntoldAlarm>, StoreError> {
        // More than one, because others are at the same ones.
        const DUE: &str = "SELECT app_id, kind, prefix FROM sms_alarms \
             WHERE tell_at IS NOT NULL AND tell_at <= $1 \
             AND kind IN ('day_budget', 'month_budget', 'pumping') ORDER BY tell_at LIMIT 20";
        const TAKE: &str = "UPDATE sms_alarms SET tell_at = $5, tell_attempts = tell_attempts + 1 \
             WHERE app_id = $1 AND kind = $2 AND prefix = $3 AND tell_at <= $4 \
             RETURNING raised_at, active_until, stops, tell_attempts, \
             CASE WHEN told_of = raised_at THEN told END";
        for mut row in self.connection.query(DUE, &[now.into()])? {
            let app_id: AppId = row.take()?;
            let (kind, prefix): (String, String) = (row.take()?, row.take()?);
            let Some(known) = AlarmKind::from_stored(&kind) else {
                continue;
            };
            let params = [
                app_id.into(),
                kind.as_str().into(),
                prefix.as_str().into(),
                now.into(),
                until.into(),
            ];
            if let Some(mut row) = self.connection.query(TAKE, &params)?.pop() {
                return Ok(Some(UntoldAlarm {
                    app_id,
                    alarm: SmsAlarm {
                        kind: known,
                        prefix,
                        raised_at: row.take()?,
                        active_until: row.take()?,
                        stops: row.take()?,
                    },
                    attempt: row.take()?,
                    told: row
                        .take::<Option<String>>()?
                        .map(|told| told.split(',').map(str::to_owned).collect())
                        .unwrap_or_default(),
                    until,
                }));
            }
        }
        Ok(None)
    }

    /// Somebody was told of an alarm (a name without a comma), and is not to be told again. `false` when
    /// he was before, or it was raised anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alarm_told_to(
        &mut self,
        app_id: AppId,
        alarm: &SmsAlarm,
        whom: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE sms_alarms SET told_of = raised_at, \
             told = CASE WHEN told_of = raised_at THEN told || ',' || $5 ELSE $5 END \
             WHERE app_id = $1 AND kind = $2 AND prefix = $3 AND raised_at = $4 \
             AND (told_of IS NULL OR told_of <> raised_at \
             OR ',' || told || ',' NOT LIKE '%,' || $5 || ',%')";
        let params = [
            app_id.into(),
            alarm.kind.as_str().into(),
            (&alarm.prefix).into(),
            alarm.raised_at.into(),
            whom.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// An alarm that was taken waits for another attempt. `false` when somebody else has it by now, or it
    /// was raised anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alarm_waits(
        &mut self,
        taken: &UntoldAlarm,
        tell_at: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE sms_alarms SET tell_at = $6 WHERE app_id = $1 AND kind = $2 \
             AND prefix = $3 AND raised_at = $4 AND tell_at = $5";
        let params = [
            taken.app_id.into(),
            taken.alarm.kind.as_str().into(),
            (&taken.alarm.prefix).into(),
            taken.alarm.raised_at.into(),
            taken.until.into(),
            tell_at.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Everybody was told of an alarm, or it is given up. `false` when it was before, or was raised
    /// anew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alarm_told(&mut self, app_id: AppId, alarm: &SmsAlarm) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE sms_alarms SET tell_at = NULL WHERE app_id = $1 AND kind = $2 \
             AND prefix = $3 AND raised_at = $4 AND tell_at IS NOT NULL";
        let params = [
            app_id.into(),
            alarm.kind.as_str().into(),
            (&alarm.prefix).into(),
            alarm.raised_at.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
