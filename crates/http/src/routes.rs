//! The list of operations, read in two ways: by the server, which only answers them, and by whoever
//! documents them.

use axum::Router;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What is made of a list of operations.
///
/// A server makes a [`Router`]: the documents of all operations together take 12 MB to build, which
/// a process keeps for ever and needs for nothing (they are built when somebody asks for the page).
pub(crate) trait Routes<S>: Sized {
    /// No operation.
    fn none() -> Self;

    /// These, which share a path (`routes!`).
    fn routes(self, operations: UtoipaMethodRouter<S>) -> Self;

    /// Those of both.
    fn and(self, others: Self) -> Self;
}

impl<S: Clone + Send + Sync + 'static> Routes<S> for Router<S> {
    fn none() -> Self {
        Self::new()
    }

    fn routes(self, (_, described, operations): UtoipaMethodRouter<S>) -> Self {
        described
            .paths
            .keys()
            .fold(self, |router, path| router.route(path, operations.clone()))
    }

    fn and(self, others: Self) -> Self {
        self.merge(others)
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> for OpenApiRouter<S> {
    fn none() -> Self {
        Self::default()
    }

    fn routes(self, operations: UtoipaMethodRouter<S>) -> Self {
        Self::routes(self, operations)
    }

    fn and(self, others: Self) -> Self {
        self.merge(others)
    }
}
