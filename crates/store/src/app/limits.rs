//! Durable rate limits, shared by all nodes.

use doorward_domain::Timestamp;
use doorward_domain::limit::{Decision, LimitRule, hit, wait};

use super::{AppRead, AppWrite};
use crate::error::StoreError;

/// One limit to count an event against.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    /// Keyed hash of what is limited (a contact, an address, the app): no address in clear.
    pub key: [u8; 16],
    /// The rule.
    pub rule: LimitRule,
}

/// The outcome of counting one event against several limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HitOutcome {
    /// Counted against each.
    Allowed {
        /// When one more would be allowed by the first of them.
        next_at: Timestamp,
    },
    /// At least one is exhausted; none was counted.
    Refused {
        /// Index of the first exhausted limit.
        index: usize,
        /// Seconds until all would allow one more, at least 1.
        retry_after: i64,
    },
}

impl AppRead<'_> {
    /// What is kept of a limit; `None` when nothing was counted. See [`doorward_domain::limit`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn limit_state(&mut self, key: &[u8; 16]) -> Result<Option<Vec<u8>>, StoreError> {
        const SQL: &str = "SELECT state FROM rate_limits WHERE app_id = $1 AND key = $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), key.into()])?;
        rows.into_iter()
            .next()
            .map(|mut row| row.take())
            .transpose()
    }

    /// Seconds until a limit would allow one more event, without counting one; 0 when it is now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn limit_wait(&mut self, limit: &Hit, now: Timestamp) -> Result<i64, StoreError> {
        const SQL: &str = "SELECT state FROM rate_limits WHERE app_id = $1 AND key = $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), (&limit.key).into()])?;
        match rows.into_iter().next() {
            Some(mut row) => Ok(wait(limit.rule, &row.take::<Vec<u8>>()?, now)),
            None => Ok(0),
        }
    }
}

impl AppWrite<'_> {
    /// Forgets what was counted against a limit; `false` when nothing was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn clear_limit(&mut self, key: &[u8; 16]) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM rate_limits WHERE app_id = $1 AND key = $2";
        let params = [self.app_id.into(), key.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Counts one event against all of `limits`, or against none when one of them is exhausted.
    ///
    /// The rows are locked in the order given, which must be the same everywhere: contact, then
    /// address, then app. Whoever holds the contact's row is alone with that contact until the
    /// transaction ends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn hit_limits(&mut self, limits: &[Hit], now: Timestamp) -> Result<HitOutcome, StoreError> {
        const LOCK: &str = "INSERT INTO rate_limits (app_id, key, state, forget_at) \
             VALUES ($1, $2, $3, $4) \
             ON CONFLICT (app_id, key) DO UPDATE SET forget_at = rate_limits.forget_at \
             RETURNING state";
        const FORGET: &str =
            "DELETE FROM rate_limits WHERE app_id = $1 AND key = $2 AND state = $3";
        const STORE: &str =
            "UPDATE rate_limits SET state = $3, forget_at = $4 WHERE app_id = $1 AND key = $2";
        let app_id = self.app_id;
        let mut allowed = Vec::with_capacity(limits.len());
        let mut refused: Option<(usize, i64)> = None;
        for (index, limit) in limits.iter().enumerate() {
            let params = [
                app_id.into(),
                (&limit.key).into(),
                crate::Param::Bytes(&[]),
                now.into(),
            ];
            let rows = self.connection.query(LOCK, &params)?;
            let state: Vec<u8> = match rows.into_iter().next() {
                Some(mut row) => row.take()?,
                None => Vec::new(),
            };
            match hit(limit.rule, &state, now) {
                Decision::Allowed {
                    state,
                    forget_at,
                    next_at,
                } => {
                    allowed.push((limit.key, state, forget_at, next_at));
                }
                Decision::Refused { retry_after } => {
                    let first = refused.map_or(index, |(first, _)| first);
                    let longest = refused.map_or(0, |(_, longest)| longest).max(retry_after);
                    refused = Some((first, longest));
                }
            }
        }
        if let Some((index, retry_after)) = refused {
            // Rows that were made for locking only: whoever invents contacts while another limit
            // refuses them would fill the table.
            for limit in limits {
                self.connection.defer(
                    FORGET,
                    &[app_id.into(), (&limit.key).into(), crate::Param::Bytes(&[])],
                )?;
            }
            return Ok(HitOutcome::Refused { index, retry_after });
        }
        for (key, state, forget_at, _) in &allowed {
            self.connection.defer(
                STORE,
                &[app_id.into(), key.into(), state.into(), (*forget_at).into()],
            )?;
        }
        Ok(HitOutcome::Allowed {
            next_at: allowed.first().map_or(now, |first| first.3),
        })
    }
}
