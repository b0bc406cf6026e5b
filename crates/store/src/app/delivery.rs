//! Who carries an app's messages: its own mail servers and SMS providers.

use doorward_domain::Timestamp;
use doorward_domain::contact::Channel;

use super::{AppRead, AppWrite};
use crate::error::StoreError;
use crate::value::Row;

/// The providers of one channel as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredDelivery {
    /// Of which channel.
    pub channel: Channel,
    /// Everything but the secrets, as JSON.
    pub providers: String,
    /// The secrets, sealed.
    pub sealed: Vec<u8>,
    /// The app's version when it was written: grows with every change, never comes back.
    pub version: i64,
    /// Last change.
    pub updated_at: Timestamp,
}

fn delivery(mut row: Row) -> Result<StoredDelivery, StoreError> {
    Ok(StoredDelivery {
        channel: Channel::from_stored(&row.take::<String>()?)
            .ok_or_else(|| StoreError::decode("an unknown channel"))?,
        providers: row.take()?,
        sealed: row.take()?,
        version: row.take()?,
        updated_at: row.take()?,
    })
}

impl AppRead<'_> {
    /// The app's own providers, one entry for each channel that has any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delivery_settings(&mut self) -> Result<Vec<StoredDelivery>, StoreError> {
        const SQL: &str = "SELECT channel, providers, sealed, version, updated_at \
             FROM delivery_settings WHERE app_id = $1 AND channel IN ('email', 'sms') \
             ORDER BY channel";
        let rows = self.connection.query(SQL, &[self.app_id.into()])?;
        rows.into_iter().map(delivery).collect()
    }
}

impl AppWrite<'_> {
    /// Writes the providers of a channel, whether or not there were any before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_delivery_settings(&mut self, delivery: &StoredDelivery) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO delivery_settings (app_id, channel, providers, sealed, \
             version, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (app_id, channel) DO UPDATE SET providers = excluded.providers, \
             sealed = excluded.sealed, version = excluded.version, \
             updated_at = excluded.updated_at";
        let params = [
            self.app_id.into(),
            delivery.channel.as_str().into(),
            (&delivery.providers).into(),
            (&delivery.sealed).into(),
            delivery.version.into(),
            delivery.updated_at.into(),
        ];
        self.connection.execute(SQL, &params).map(|_| ())
    }

    /// Forgets the providers of a channel; `false` when there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delete_delivery_settings(&mut self, channel: Channel) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM delivery_settings WHERE app_id = $1 AND channel = $2";
        let params = [self.app_id.into(), channel.as_str().into()];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }

    /// Replaces the sealed secrets by the same ones sealed with another key; `false` when they have
    /// changed meanwhile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reseal_delivery_settings(
        &mut self,
        channel: Channel,
        old: &[u8],
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        const SQL: &str = "UPDATE delivery_settings SET sealed = $4 \
             WHERE app_id = $1 AND channel = $2 AND sealed = $3";
        let params = [
            self.app_id.into(),
            channel.as_str().into(),
            old.into(),
            sealed.into(),
        ];
        Ok(self.connection.execute(SQL, &params)? == 1)
    }
}
