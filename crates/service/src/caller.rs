//! Who may change an app's things: the app's own backend, or an operator who has the scope.

use std::sync::Arc;

use doorward_domain::app::App;
use doorward_domain::audit::{Action, AuditEvent};
use doorward_domain::scope::Scope;
use doorward_domain::{AppId, Code, Timestamp};
use doorward_store::{ReadTx, WriteTx};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::{AppContext, Context, Operator};
use crate::core::Core;
use crate::error::{Error, Result};

/// Who asks for something in an app.
#[derive(Clone, Copy)]
pub enum Caller<'a> {
    /// The app's own backend.
    App(&'a AppContext),
    /// An operator, about this app.
    Operator(&'a Operator, AppId),
}

/// An app as it stands in the transaction, and the operation in it.
#[derive(Clone)]
pub(crate) struct Here {
    pub(crate) app: Arc<App>,
    pub(crate) context: Context,
}

impl Here {
    pub(crate) fn of(app: &AppContext) -> Self {
        Self {
            app: Arc::clone(&app.app),
            context: app.context.clone(),
        }
    }

    pub(crate) fn stored(app: Option<App>, context: &Context) -> Result<Self> {
        let app = app.ok_or_else(|| Error::new(Code::AppNotFound))?;
        Ok(Self {
            app: Arc::new(app),
            context: context.clone(),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.context.now()
    }

    pub(crate) fn event(&self, action: Action) -> AuditEvent {
        self.context.event(Some(self.app.id), action)
    }
}

impl Caller<'_> {
    /// The operation.
    pub(crate) const fn context(&self) -> &Context {
        match self {
            Self::App(app) => &app.context,
            Self::Operator(operator, _) => &operator.context,
        }
    }
}

impl Core {
    /// Writes in an app in the name of a caller. An inner `Err` is a refusal that leaves its traces
    /// (it commits); an outer one rolls back.
    ///
    /// # Errors
    /// [`Code::Forbidden`] when an operator lacks the scope; [`Code::AppNotFound`].
    pub(crate) async fn write_as<T, F>(
        &self,
        caller: Caller<'_>,
        scope: Scope,
        work: F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Here, &mut WriteTx<'_>) -> Result<Result<T>> + Clone + Send + 'static,
    {
        match caller {
            Caller::App(app) => {
                let mut app = app.clone();
                self.write_in_app(&mut app, move |app, tx| work(&Here::of(app), tx))
                    .await
            }
            Caller::Operator(operator, app_id) => {
                self.authorise(operator, scope).await?;
                let context = operator.context.clone();
                self.store
                    .write(move |tx| {
                        let here = Here::stored(tx.platform().app(app_id)?, &context)?;
                        work(&here, tx)
                    })
                    .await?
            }
        }
    }

    /// Creates something in an app in the name of a caller: as [`Core::write_as`], and an operator
    /// may repeat it with the same `Idempotency-Key` (see [`Core::create`]).
    ///
    /// # Errors
    /// As both.
    pub(crate) async fn create_as<T, F>(
        &self,
        caller: Caller<'_>,
        scope: Scope,
        work: F,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(&Here, &mut WriteTx<'_>) -> Result<Result<T>> + Clone + Send + 'static,
    {
        let Caller::Operator(operator, app_id) = caller else {
            return self.write_as(caller, scope, work).await;
        };
        self.authorise(operator, scope).await?;
        let context = operator.context.clone();
        self.create(operator, Some(app_id), move |tx| {
            let here = Here::stored(tx.platform().app(app_id)?, &context)?;
            work(&here, tx)
        })
        .await
    }

    /// Reads in an app in the name of a caller.
    ///
    /// # Errors
    /// As [`Core::write_as`].
    pub(crate) async fn read_as<T, F>(&self, caller: Caller<'_>, scope: Scope, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&Here, &mut ReadTx<'_>) -> Result<T> + Clone + Send + 'static,
    {
        match caller {
            Caller::App(app) => {
                let mut app = app.clone();
                self.read_in_app(&mut app, move |app, tx| work(&Here::of(app), tx))
                    .await
            }
            Caller::Operator(operator, app_id) => {
                self.authorise(operator, scope).await?;
                let context = operator.context.clone();
                self.store
                    .read(move |tx| {
                        let here = Here::stored(tx.platform().app(app_id)?, &context)?;
                        work(&here, tx)
                    })
                    .await
            }
        }
    }
}
