//! The data of one app. Every statement here has the app in its WHERE.

use doorward_domain::AppId;

use crate::port::Connection;

/// Reads the data of one app.
pub struct AppRead<'a> {
    pub(crate) connection: &'a mut dyn Connection,
    pub(crate) app_id: AppId,
}

impl<'a> AppRead<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, app_id: AppId) -> Self {
        Self { connection, app_id }
    }

    /// Which app.
    #[must_use]
    pub const fn app_id(&self) -> AppId {
        self.app_id
    }
}

/// Reads and writes the data of one app.
pub struct AppWrite<'a>(AppRead<'a>);

impl<'a> AppWrite<'a> {
    pub(crate) fn new(connection: &'a mut dyn Connection, app_id: AppId) -> Self {
        Self(AppRead::new(connection, app_id))
    }
}

impl<'a> std::ops::Deref for AppWrite<'a> {
    type Target = AppRead<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::ops::DerefMut for AppWrite<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}
