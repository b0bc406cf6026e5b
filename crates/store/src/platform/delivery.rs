//! Providers of all apps, as the change of the master key sees them.

use doorward_domain::AppId;
use doorward_domain::contact::Channel;

use super::PlatformRead;
use crate::error::StoreError;

/// Secrets of an app's providers that were sealed with a former master key.
#[derive(Clone, PartialEq, Eq)]
pub struct OutdatedDelivery {
    /// Whose.
    pub app_id: AppId,
    /// Of which channel.
    pub channel: Channel,
    /// As they are.
    pub sealed: Vec<u8>,
}

impl PlatformRead<'_> {
    /// Sealed secrets of providers that do not begin with `current`, of the apps after the given
    /// one. `limit` should be even: an app has up to two.
    ///
    /// Looks through all of them: only for while a former master key is still accepted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn outdated_delivery_settings(
        &mut self,
        current: &[u8; 5],
        after: Option<(AppId, Channel)>,
        limit: u32,
    ) -> Result<Vec<OutdatedDelivery>, StoreError> {
        const SQL: &str = "SELECT app_id, channel, sealed FROM delivery_settings \
             WHERE substr(sealed, 1, 5) <> $1 AND channel IN ('email', 'sms') \
             AND (app_id, channel) > ($2, $3) ORDER BY app_id, channel LIMIT $4";
        let (app, channel) = match after {
            Some((app, channel)) => (app, channel.as_str()),
            None => (AppId::from_uuid(uuid::Uuid::nil()), ""),
        };
        let params = [current.into(), app.into(), channel.into(), limit.into()];
        let rows = self.connection.query(SQL, &params)?;
        rows.into_iter()
            .map(|mut row| {
                Ok(OutdatedDelivery {
                    app_id: row.take()?,
                    channel: Channel::from_stored(&row.take::<String>()?)
                        .ok_or_else(|| StoreError::decode("an unknown channel"))?,
                    sealed: row.take()?,
                })
            })
            .collect()
    }
}
