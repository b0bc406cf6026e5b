//! Work that one node does at a time, by lease.

use doorward_domain::{NodeId, Timestamp};

use super::{PlatformRead, PlatformWrite};
use crate::error::StoreError;

/// What is known of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Its name.
    pub name: String,
    /// Last end, good or bad.
    pub last_run_at: Option<Timestamp>,
    /// Last good end.
    pub last_ok_at: Option<Timestamp>,
    /// What the last run reported.
    pub last_report: Option<String>,
}

impl PlatformRead<'_> {
    /// What is known of a job; `None` when it never ran.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn job(&mut self, name: &str) -> Result<Option<JobRecord>, StoreError> {
        const SQL: &str =
            "SELECT name, last_run_at, last_ok_at, last_report FROM jobs WHERE name = $1";
        let rows = self.connection.query(SQL, &[name.into()])?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(JobRecord {
                    name: row.take()?,
                    last_run_at: row.take()?,
                    last_ok_at: row.take()?,
                    last_report: row.take()?,
                })
            })
            .transpose()
    }
}

impl PlatformWrite<'_> {
    /// Takes a job until `until`; `false` while another node has it, or while it ran (ended) after
    /// `not_if_run_since`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lease_job(
        &mut self,
        name: &str,
        node: NodeId,
        now: Timestamp,
        until: Timestamp,
        not_if_run_since: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO jobs (name, lease_owner, lease_until) VALUES ($1, $2, $4) \
             ON CONFLICT (name) DO UPDATE SET lease_owner = $2, lease_until = $4 \
             WHERE (jobs.lease_until IS NULL OR jobs.lease_until <= $3 OR jobs.lease_owner = $2) \
             AND (jobs.last_run_at IS NULL OR jobs.last_run_at <= $5)";
        let params = [
            name.into(),
            node.into(),
            now.into(),
            until.into(),
            not_if_run_since.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Gives a job back with a report.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn finish_job(
        &mut self,
        name: &str,
        node: NodeId,
        now: Timestamp,
        ok: bool,
        report: &str,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, \
             last_run_at = $3, last_ok_at = CASE WHEN $4 THEN $3 ELSE last_ok_at END, \
             last_report = $5 WHERE name = $1 AND lease_owner = $2";
        let params = [
            name.into(),
            node.into(),
            now.into(),
            ok.into(),
            report.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
