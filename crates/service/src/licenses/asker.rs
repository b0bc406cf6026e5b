//! Who asks for something about an app's licences.

use std::net::IpAddr;

use doorward_domain::AppId;
use doorward_domain::scope::Scope;
use doorward_domain::stats::Counted;
use doorward_store::{ReadTx, WriteTx};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::caller::{Caller, Here};
use crate::context::{AppContext, Context, Operator};
use crate::core::Core;
use crate::error::Result;

/// Who asks: an app's backend for its own licences, or an operator for those of any app.
#[derive(Clone)]
pub enum Asker {
    /// An app's backend.
    App {
        /// The app, authenticated.
        app: AppContext,
        /// The end user's address, where the backend names it: for the limit and the audit.
        client_ip: Option<IpAddr>,
    },
    /// An operator.
    Operator(Operator, AppId),
}

impl Asker {
    /// An app's backend, on behalf of a client where it names one.
    #[must_use]
    pub fn app(mut app: AppContext, client_ip: Option<IpAddr>) -> Self {
        if client_ip.is_some() {
            app.context.origin.ip = client_ip;
            app.context.origin.of_person = true;
        }
        Self::App { app, client_ip }
    }

    pub(crate) const fn context(&self) -> &Context {
        match self {
            Self::App { app, .. } => &app.context,
            Self::Operator(operator, _) => &operator.context,
        }
    }

    /// Which app's licences.
    pub(crate) fn app_id(&self) -> AppId {
        match self {
            Self::App { app, .. } => app.app.id,
            Self::Operator(_, app_id) => *app_id,
        }
    }

    /// Counts how a call on behalf of a device went.
    pub(crate) fn count<T>(&self, core: &Core, outcome: &Result<T>, good: Counted) {
        let now = self.context().now();
        let bad = Counted::LicenseFailure;
        core.count_outcome(self.app_id(), now, outcome, (good, None), bad);
    }

    const fn caller(&self) -> Caller<'_> {
        match self {
            Self::App { app, .. } => Caller::App(app),
            Self::Operator(operator, app_id) => Caller::Operator(operator, *app_id),
        }
    }

    /// Writes; see [`Core::write_as`].
    pub(crate) async fn write<T, F>(&self, core: &Core, scope: Scope, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Here, &mut WriteTx<'_>) -> Result<Result<T>> + Clone + Send + 'static,
    {
        core.write_as(self.caller(), scope, work).await
    }

    /// Creates; see [`Core::create_as`].
    pub(crate) async fn create<T, F>(&self, core: &Core, scope: Scope, work: F) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&Here, &mut WriteTx<'_>) -> Result<Result<T>> + Clone + Send + 'static,
    {
        core.create_as(self.caller(), scope, work).await
    }

    /// Reads; see [`Core::read_as`].
    pub(crate) async fn read<T, F>(&self, core: &Core, scope: Scope, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Here, &mut ReadTx<'_>) -> Result<T> + Clone + Send + 'static,
    {
        core.read_as(self.caller(), scope, work).await
    }
}
