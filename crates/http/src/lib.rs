//! The HTTP faces of Doorward.
//!
//! Handlers translate: they read a request, call one use case of `doorward-service`, and write its
//! answer. They hold no rules. Refusals become answers in one place (`error`), and everything that
//! is the same for every request happens in one layer (`shell`).

mod docs;
mod error;
mod held;
mod license;
mod operator;
mod public;
mod read;
mod routes;
mod server;
mod share;
mod shell;

pub use docs::{openapi_operator, openapi_public};
pub use license::cursor::LicenseCursor;
pub use operator::UserCursor;
pub use operator::{
    DevAids, LocalDoctor, OperatorFace, OutboxQuery, OutboxReader, operator_router,
};
pub use public::{PublicFace, public_router};
pub use server::{Drained, ServeOptions, serve};
pub use shell::{Face, ForwardedHeader, Peer, ShellOptions, TrustedProxies};
