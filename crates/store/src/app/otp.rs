//! Requests for one-time codes.

use doorward_domain::contact::{Channel, Contact};
use doorward_domain::otp::{Purpose, Standing};
use doorward_domain::{OtpRequestId, Timestamp, UserId};

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

/// A request to be written.
#[derive(Debug, Clone)]
pub struct NewOtpRequest {
    /// Its id: what the caller holds beside the code.
    pub id: OtpRequestId,
    /// What it is for.
    pub purpose: Purpose,
    /// Whom it is sent to.
    pub contact: Contact,
    /// The user it is bound to, where the purpose wants one.
    pub user_id: Option<UserId>,
    /// Keyed hash of the code.
    pub code_hash: [u8; 32],
    /// Wrong attempts that lock it.
    pub max_attempts: i64,
    /// Creation.
    pub created_at: Timestamp,
    /// End of life.
    pub expires_at: Timestamp,
}

/// What a right code yields, once.
#[derive(Debug, Clone)]
pub struct ConsumedOtp {
    /// Whom the code was sent to: proved to be held now.
    pub contact: Contact,
    /// The user it is bound to.
    pub user_id: Option<UserId>,
}

/// A counted wrong attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// Wrong attempts so far, this one included.
    pub attempts: i64,
    /// Whether this one locked the request.
    pub locked: bool,
    /// Canonical form of the contact.
    pub contact: String,
}

/// How a request stands.
#[derive(Debug, Clone)]
pub struct OtpStanding {
    /// What decides about it.
    pub standing: Standing,
    /// Whom it was sent to.
    pub contact: Contact,
    /// The user who asked for it, where that was said.
    pub user_id: Option<UserId>,
}

fn purpose(row: &mut Row) -> Result<Purpose, StoreError> {
    Purpose::parse(&row.take::<String>()?).ok_or_else(|| StoreError::decode("an unknown purpose"))
}

fn contact(row: &mut Row) -> Result<Contact, StoreError> {
    let channel = Channel::from_stored(&row.take::<String>()?)
        .ok_or_else(|| StoreError::decode("an unknown channel"))?;
    Contact::from_stored(channel, &row.take::<String>()?)
        .ok_or_else(|| StoreError::decode("an address that does not parse"))
}

impl AppRead<'_> {
    /// How a request of this app stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn otp_standing(&mut self, id: OtpRequestId) -> Result<Option<OtpStanding>, StoreError> {
        const SQL: &str = "SELECT purpose, used_at, locked_at, voided_at, expires_at, channel, \
             contact, user_id FROM otp_requests WHERE app_id = $1 AND id = $2";
        let rows = self
            .connection
            .query(SQL, &[self.app_id.into(), id.into()])?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(OtpStanding {
                    standing: Standing {
                        purpose: purpose(&mut row)?,
                        used: row.take::<Option<Timestamp>>()?.is_some(),
                        locked: row.take::<Option<Timestamp>>()?.is_some(),
                        voided: row.take::<Option<Timestamp>>()?.is_some(),
                        expires_at: row.take()?,
                    },
                    contact: contact(&mut row)?,
                    user_id: row.take()?,
                })
            })
            .transpose()
    }

    /// Whether a request exists that this app did not make. Tells nothing else about it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn otp_belongs_to_another_app(&mut self, id: OtpRequestId) -> Result<bool, StoreError> {
        const SQL: &str = "SELECT 1 FROM otp_requests WHERE id = $2 AND app_id <> $1";
        Ok(!self
            .connection
            .query(SQL, &[self.app_id.into(), id.into()])?
            .is_empty())
    }
}

impl AppWrite<'_> {
    /// Writes a request and voids the older live ones for the same contact and purpose.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_otp_request(&mut self, request: &NewOtpRequest) -> Result<(), StoreError> {
        const VOID: &str = "UPDATE otp_requests SET voided_at = $4 WHERE app_id = $1 \
             AND contact = $2 AND purpose = $3 AND used_at IS NULL AND voided_at IS NULL";
        const INSERT: &str = "INSERT INTO otp_requests (app_id, id, purpose, channel, contact, \
             contact_original, user_id, code_hash, attempts, max_attempts, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11)";
        let app_id = self.app_id;
        let (contact, purpose) = (request.contact.canonical(), request.purpose.as_str());
        self.connection.defer(
            VOID,
            &[
                app_id.into(),
                contact.into(),
                purpose.into(),
                request.created_at.into(),
            ],
        )?;
        self.connection.defer(
            INSERT,
            &[
                app_id.into(),
                request.id.into(),
                purpose.into(),
                request.contact.channel().as_str().into(),
                contact.into(),
                request.contact.original().into(),
                request.user_id.into(),
                (&request.code_hash).into(),
                request.max_attempts.into(),
                request.created_at.into(),
                request.expires_at.into(),
            ],
        )
    }

    /// Consumes a live request with the right code, hashed with the current key or the one before.
    /// One statement: of any number of simultaneous callers exactly one gets `Some`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn consume_otp(
        &mut self,
        id: OtpRequestId,
        purpose: Purpose,
        code_hashes: &[[u8; 32]; 2],
        now: Timestamp,
    ) -> Result<Option<ConsumedOtp>, StoreError> {
        const SQL: &str = "UPDATE otp_requests SET used_at = $6 WHERE app_id = $1 AND id = $2 \
             AND purpose = $3 AND code_hash IN ($4, $5) AND used_at IS NULL AND locked_at IS NULL \
             AND voided_at IS NULL AND expires_at > $6 \
             RETURNING channel, contact_original, user_id";
        let [current, former] = code_hashes;
        let params = [
            self.app_id.into(),
            id.into(),
            purpose.as_str().into(),
            current.into(),
            former.into(),
            now.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(ConsumedOtp {
                    contact: contact(&mut row)?,
                    user_id: row.take()?,
                })
            })
            .transpose()
    }

    /// Counts a wrong attempt on a live request and locks it when it was the last one allowed.
    /// `None` when the request is not live, or the code is right after all (by either hash).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn count_wrong_otp(
        &mut self,
        id: OtpRequestId,
        purpose: Purpose,
        code_hashes: &[[u8; 32]; 2],
        now: Timestamp,
    ) -> Result<Option<FailedAttempt>, StoreError> {
        const SQL: &str = "UPDATE otp_requests SET attempts = attempts + 1, \
             locked_at = CASE WHEN attempts + 1 >= max_attempts THEN $6 ELSE locked_at END \
             WHERE app_id = $1 AND id = $2 AND purpose = $3 AND code_hash NOT IN ($4, $5) \
             AND used_at IS NULL AND locked_at IS NULL AND voided_at IS NULL AND expires_at > $6 \
             RETURNING attempts, locked_at, contact";
        let [current, former] = code_hashes;
        let params = [
            self.app_id.into(),
            id.into(),
            purpose.as_str().into(),
            current.into(),
            former.into(),
            now.into(),
        ];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .next()
            .map(|mut row| {
                Ok(FailedAttempt {
                    attempts: row.take()?,
                    locked: row.take::<Option<Timestamp>>()?.is_some(),
                    contact: row.take()?,
                })
            })
            .transpose()
    }

    /// Voids the live requests that are bound to a user: for an address to be set on its account.
    /// Gives how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn void_codes_of_user(
        &mut self,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE otp_requests SET voided_at = $3 WHERE app_id = $1 \
             AND user_id = $2 AND used_at IS NULL AND voided_at IS NULL AND expires_at > $3";
        let params = [self.app_id.into(), user_id.into(), now.into()];
        self.connection.execute(SQL, &params)
    }

    /// Voids the live requests that were sent to an address, whatever they are for. Gives how many
    /// there were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn void_codes_to(&mut self, contact: &Contact, now: Timestamp) -> Result<u64, StoreError> {
        const SQL: &str = "UPDATE otp_requests SET voided_at = $3 WHERE app_id = $1 \
             AND contact = $2 AND used_at IS NULL AND voided_at IS NULL AND expires_at > $3";
        let params = [self.app_id.into(), contact.canonical().into(), now.into()];
        self.connection.execute(SQL, &params)
    }
}
