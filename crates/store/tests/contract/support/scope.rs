//! Transactions in one line.

use doorward_domain::AppId;
use doorward_store::app::{AppRead, AppWrite};
use doorward_store::platform::{PlatformRead, PlatformWrite};
use doorward_store::{Store, StoreError};

/// One app of a store.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) store: Store,
    pub(crate) id: AppId,
}

impl Scope {
    /// The same app through another store.
    pub(crate) fn on(&self, store: &Store) -> Self {
        Self {
            store: store.clone(),
            id: self.id,
        }
    }

    /// Writes, and commits.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut AppWrite<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.try_write(work).await.expect("the write commits")
    }

    /// Writes; whether it commits is the question.
    pub(crate) async fn try_write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut AppWrite<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let id = self.id;
        self.store.write(move |tx| work(&mut tx.app(id))).await
    }

    /// Reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut AppRead<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        let id = self.id;
        self.store
            .read(move |tx| work(&mut tx.app(id)))
            .await
            .expect("the read succeeds")
    }
}

/// The platform of a store.
#[derive(Clone)]
pub(crate) struct Platform(pub(crate) Store);

impl Platform {
    /// Writes, and commits.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut PlatformWrite<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.try_write(work).await.expect("the write commits")
    }

    /// Writes; whether it commits is the question.
    pub(crate) async fn try_write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut PlatformWrite<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.0.write(move |tx| work(&mut tx.platform())).await
    }

    /// Reads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut PlatformRead<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.0
            .read(move |tx| work(&mut tx.platform()))
            .await
            .expect("the read succeeds")
    }
}
