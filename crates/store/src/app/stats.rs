//! What happened in an app on a day, as each part of each process has counted it.

use doorward_domain::stats::{Counted, Counts, Sketch};
use uuid::Uuid;

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

/// What one part has counted. Only that part writes it: always the total so far, so that writing it
/// twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayPart {
    /// Days since 1970.
    pub day: i64,
    /// Which part.
    pub part_id: Uuid,
    /// The totals.
    pub counts: Counts,
    /// Who was active.
    pub users: Sketch,
}

fn part(mut row: Row) -> Result<DayPart, StoreError> {
    let (day, part_id) = (row.take()?, row.take()?);
    let mut counts = [0; Counted::COUNT];
    for count in &mut counts {
        *count = row.take()?;
    }
    let users: Vec<u8> = row.take()?;
    Ok(DayPart {
        day,
        part_id,
        counts,
        users: Sketch::from_bytes(&users)
            .ok_or_else(|| StoreError::decode("a sketch of users that is none"))?,
    })
}

impl AppRead<'_> {
    /// What was counted from one day to another (both included), in the order of the days.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stats(&mut self, from: i64, to: i64) -> Result<Vec<DayPart>, StoreError> {
        const SQL: &str = "SELECT day, part_id, sign_ins, sign_in_failures, codes_email, codes_sms, \
             refreshes, refresh_failures, license_activations, license_verifies, license_failures, \
             email_accepted, email_delivered, email_failed, sms_accepted, sms_delivered, sms_failed, \
             users FROM app_stats WHERE app_id = $1 AND day >= $2 AND day <= $3 \
             ORDER BY app_id, day, part_id";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), from.into(), to.into()])?;
        rows.into_iter().map(part).collect()
    }
}

impl AppWrite<'_> {
    /// Writes what a part has counted so far.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_stats(&mut self, part: &DayPart) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO app_stats (app_id, day, part_id, sign_ins, sign_in_failures, \
             codes_email, codes_sms, refreshes, refresh_failures, license_activations, \
             license_verifies, license_failures, email_accepted, email_delivered, email_failed, \
             sms_accepted, sms_delivered, sms_failed, users) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
             $18, $19) \
             ON CONFLICT (app_id, day, part_id) DO UPDATE SET sign_ins = EXCLUDED.sign_ins, \
             sign_in_failures = EXCLUDED.sign_in_failures, codes_email = EXCLUDED.codes_email, \
             codes_sms = EXCLUDED.codes_sms, refreshes = EXCLUDED.refreshes, \
             refresh_failures = EXCLUDED.refresh_failures, \
             license_activations = EXCLUDED.license_activations, \
             license_verifies = EXCLUDED.license_verifies, \
             license_failures = EXCLUDED.license_failures, \
             email_accepted = EXCLUDED.email_accepted, \
             email_delivered = EXCLUDED.email_delivered, email_failed = EXCLUDED.email_failed, \
             sms_accepted = EXCLUDED.sms_accepted, sms_delivered = EXCLUDED.sms_delivered, \
             sms_failed = EXCLUDED.sms_failed, users = EXCLUDED.users";
        let users = part.users.to_bytes();
        let mut params = vec![self.app_id.into(), part.day.into(), part.part_id.into()];
        params.extend(part.counts.iter().map(|count| crate::Param::from(*count)));
        params.push((&users).into());
        self.connection.defer(SQL, &params)
    }
}
