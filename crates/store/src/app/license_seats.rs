//! Taking and giving back the device slots of a licence.
//!
//! Whoever changes the number of taken slots holds the licence's row first, so of any number of
//! simultaneous claims exactly as many win as there are slots, on any number of nodes.

use doorward_domain::license::ReleaseReason;
use doorward_domain::{ActivationId, LicenseId, Timestamp};

use super::{AppRead, AppWrite};
use crate::error::StoreError;

/// A device that wants a slot.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Of which licence.
    pub license_id: LicenseId,
    /// The slot's id, should it get one.
    pub activation_id: ActivationId,
    /// What the device is known by.
    pub device_hash: [u8; 32],
    /// What its user calls it; a new name replaces the former one.
    pub device_label: Option<String>,
    /// Now.
    pub now: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The device has had a slot before: this one.
    Known(ActivationId),
    /// The device had released this slot, and it had not been given to another.
    Returned(ActivationId),
    /// The device has a new slot.
    Claimed {
        /// Slots that are taken now.
        activations_used: i64,
        /// Slots there are.
        max_activations: i64,
    },
    /// There was none: every slot is taken, or the licence is not in use any more.
    Refused,
}

/// A slot that was taken from a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// Of which licence.
    pub license_id: LicenseId,
    /// What the user called the device.
    pub device_label: Option<String>,
    /// When the slot is free for another.
    pub free_at: Timestamp,
}

impl AppRead<'_> {
    /// The live slot of a device on a licence.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn activation_of_device(
        &mut self,
        license_id: LicenseId,
        device_hash: &[u8; 32],
    ) -> Result<Option<ActivationId>, StoreError> {
        const SQL: &str = "SELECT id FROM license_activations WHERE app_id = $1 \
             AND license_id = $2 AND device_hash = $3 AND released_at IS NULL";
        let params = [self.app_id.into(), license_id.into(), device_hash.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| row.take())
            .transpose()
    }
}

impl AppWrite<'_> {
    /// Claims a slot. A device that has one keeps it, even when the licence is full.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn claim_seat(&mut self, claim: &Claim) -> Result<ClaimOutcome, StoreError> {
        const TAKE: &str = "UPDATE licenses SET activations_used = activations_used + 1 \
             WHERE app_id = $1 AND id = $2 AND status = 'active' \
             AND (expires_at IS NULL OR expires_at > $3) AND activations_used < max_activations \
             RETURNING activations_used, max_activations";
        const INSERT: &str = "INSERT INTO license_activations (app_id, id, license_id, \
             device_hash, device_label, created_at, last_seen_at, slot_returned) \
             VALUES ($1, $2, $3, $4, $5, $6, $6, FALSE)";
        if let Some(known) = self.touch(claim)? {
            return Ok(ClaimOutcome::Known(known));
        }
        if !self.hold_license(claim.license_id)? {
            return Ok(ClaimOutcome::Refused);
        }
        // While this one waited for the licence, the device may have got its slot.
        if let Some(known) = self.touch(claim)? {
            return Ok(ClaimOutcome::Known(known));
        }
        if let Some(own) = self.take_back(claim)? {
            return Ok(ClaimOutcome::Returned(own));
        }
        self.return_seats(claim.license_id, claim.now)?;
        let params = [
            self.app_id.into(),
            claim.license_id.into(),
            claim.now.into(),
        ];
        let Some(mut row) = self.connection.query(TAKE, &params)?.into_iter().next() else {
            return Ok(ClaimOutcome::Refused);
        };
        let app_id = self.app_id;
        self.connection.defer(
            INSERT,
            &[
                app_id.into(),
                claim.activation_id.into(),
                claim.license_id.into(),
                (&claim.device_hash).into(),
                claim.device_label.as_deref().into(),
                claim.now.into(),
            ],
        )?;
        Ok(ClaimOutcome::Claimed {
            activations_used: row.take()?,
            max_activations: row.take()?,
        })
    }

    /// The live slot of the device, seen now.
    fn touch(&mut self, claim: &Claim) -> Result<Option<ActivationId>, StoreError> {
        const SQL: &str = "UPDATE license_activations SET last_seen_at = $4, \
             device_label = COALESCE($5, device_label) WHERE app_id = $1 AND license_id = $2 \
             AND device_hash = $3 AND released_at IS NULL RETURNING id";
        self.one(SQL, claim)
    }

    /// The slot that the device released and nobody has got since, alive again, unless the licence
    /// ended while this one waited for it.
    fn take_back(&mut self, claim: &Claim) -> Result<Option<ActivationId>, StoreError> {
        const SQL: &str = "UPDATE license_activations SET last_seen_at = $4, \
             device_label = COALESCE($5, device_label), released_at = NULL, \
             release_reason = NULL, slot_free_at = NULL WHERE app_id = $1 AND license_id = $2 \
             AND device_hash = $3 AND released_at IS NOT NULL AND slot_returned = FALSE \
             AND EXISTS (SELECT 1 FROM licenses l WHERE l.app_id = $1 AND l.id = $2 \
             AND l.status = 'active' AND (l.expires_at IS NULL OR l.expires_at > $4)) \
             RETURNING id";
        self.one(SQL, claim)
    }

    fn one(
        &mut self,
        sql: &'static str,
        claim: &Claim,
    ) -> Result<Option<ActivationId>, StoreError> {
        let params = [
            self.app_id.into(),
            claim.license_id.into(),
            (&claim.device_hash).into(),
            claim.now.into(),
            claim.device_label.as_deref().into(),
        ];
        let rows = self.connection.query(sql, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| row.take())
            .transpose()
    }

    /// Gives back the slots of devices that have cooled off; how many. The caller holds the
    /// licence.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn return_seats(
        &mut self,
        license_id: LicenseId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const MARK: &str = "UPDATE license_activations SET slot_returned = TRUE \
             WHERE app_id = $1 AND license_id = $2 AND slot_returned = FALSE \
             AND released_at IS NOT NULL AND slot_free_at <= $3";
        let params = [self.app_id.into(), license_id.into(), now.into()];
        let returned = self.connection.execute(MARK, &params)?;
        if returned > 0 {
            self.give_back(license_id, i64::try_from(returned).unwrap_or(i64::MAX))?;
        }
        Ok(returned)
    }

    /// Takes a device's slot from it. Without `free_at` the slot is free at once, also when the
    /// device had released it before and it was still cooling off; with it, the device must hold
    /// the slot, which stays taken until then, and until the end of the device's last licence
    /// file: for so long it can run beside whoever gets the slot. `None` when there is no such slot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn release_seat(
        &mut self,
        id: ActivationId,
        reason: ReleaseReason,
        free_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Released>, StoreError> {
        const AT_ONCE: &str = "UPDATE license_activations SET \
             released_at = COALESCE(released_at, $4), \
             release_reason = COALESCE(release_reason, $3), slot_free_at = $4, \
             slot_returned = TRUE WHERE app_id = $1 AND id = $2 AND slot_returned = FALSE \
             RETURNING license_id, device_label, slot_free_at";
        const LATER: &str = "UPDATE license_activations SET released_at = $4, \
             release_reason = $3, \
             slot_free_at = CASE WHEN file_until > $5 THEN file_until ELSE $5 END \
             WHERE app_id = $1 AND id = $2 AND released_at IS NULL \
             RETURNING license_id, device_label, slot_free_at";
        let Some(found) = self.activation(id)? else {
            return Ok(None);
        };
        if !self.hold_license(found.license_id)? {
            return Ok(None);
        }
        let app_id = self.app_id.into();
        let rows = match free_at {
            None => {
                let params = [app_id, id.into(), reason.as_str().into(), now.into()];
                self.connection.query(AT_ONCE, &params)?
            }
            Some(free_at) => {
                let params = [
                    app_id,
                    id.into(),
                    reason.as_str().into(),
                    now.into(),
                    free_at.into(),
                ];
                self.connection.query(LATER, &params)?
            }
        };
        let Some(mut row) = rows.into_iter().next() else {
            return Ok(None);
        };
        if free_at.is_none() {
            self.give_back(found.license_id, 1)?;
        }
        Ok(Some(Released {
            license_id: row.take()?,
            device_label: row.take()?,
            free_at: row.take()?,
        }))
    }

    /// Notes until when a device can run on a licence file. An earlier end changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_license_file(
        &mut self,
        id: ActivationId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE license_activations SET file_until = $3 WHERE app_id = $1 \
             AND id = $2 AND (file_until IS NULL OR file_until < $3)";
        let params = [self.app_id.into(), id.into(), until.into()];
        self.connection.defer(SQL, &params)
    }

    fn give_back(&mut self, license_id: LicenseId, slots: i64) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE licenses SET activations_used = activations_used - $3 \
             WHERE app_id = $1 AND id = $2";
        let params = [self.app_id.into(), license_id.into(), slots.into()];
        self.connection.execute(SQL, &params).map(drop)
    }

    /// Notes that a device was seen, when that was last noted at `not_after` or before; `false`
    /// when it was noted since, or the device has no slot. One statement: of any number of
    /// simultaneous callers exactly one gets `true`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn saw_activation(
        &mut self,
        id: ActivationId,
        not_after: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE license_activations SET last_seen_at = $4 WHERE app_id = $1 \
             AND id = $2 AND last_seen_at <= $3 AND released_at IS NULL";
        let params = [self.app_id.into(), id.into(), not_after.into(), now.into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
