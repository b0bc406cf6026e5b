//! Alarms that are to be told to whoever the deployment names.

use doorward_domain::sms::AlarmKind;
use doorward_domain::{AppId, Timestamp};

use super::PlatformWrite;
use crate::app::SmsAlarm;
use crate::error::StoreError;

/// An alarm that nobody has been told yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntoldAlarm {
    /// Whose.
    pub app_id: AppId,
    /// Which.
    pub alarm: SmsAlarm,
    /// Which attempt to tell it this is, from 1.
    pub attempt: i64,
}

impl PlatformWrite<'_> {
    /// Takes alarms that are to be told, the oldest first, until `until`: then another node may.
    /// One statement for each: of any number of nodes one gets it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_untold_alarms(
        &mut self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<UntoldAlarm>, StoreError> {
        const DUE: &str = "SELECT app_id, kind, prefix FROM sms_alarms \
             WHERE tell_at IS NOT NULL AND tell_at <= $1 ORDER BY tell_at LIMIT $2";
        const TAKE: &str = "UPDATE sms_alarms SET tell_at = $5, tell_attempts = tell_attempts + 1 \
             WHERE app_id = $1 AND kind = $2 AND prefix = $3 AND tell_at <= $4 \
             RETURNING raised_at, active_until, stops, tell_attempts";
        let mut taken = Vec::new();
        for mut row in self.connection.query(DUE, &[now.into(), limit.into()])? {
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
            for mut row in self.connection.query(TAKE, &params)? {
                taken.push(UntoldAlarm {
                    app_id,
                    alarm: SmsAlarm {
                        kind: known,
                        prefix: prefix.clone(),
                        raised_at: row.take()?,
                        active_until: row.take()?,
                        stops: row.take()?,
                    },
                    attempt: row.take()?,
                });
            }
        }
        Ok(taken)
    }

    /// An alarm was told, or is given up. `false` when it was before, or was raised anew.
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
