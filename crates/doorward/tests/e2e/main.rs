//! The built binary, used as its users use it.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that finds something else than it expects has failed; the test runner's \
              variables are read where they are used"
)]

mod guides;
mod interop;
mod kill;
mod license_pages;
mod licenses;
mod operations;
mod organizations;
mod page;
mod pages;
mod quickstart;
mod scenarios;
mod schemathesis;
mod support;
