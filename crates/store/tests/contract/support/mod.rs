//! What the tests share.

mod fixture;
mod plan;
mod raw;
mod scope;

pub(crate) use fixture::*;
pub(crate) use plan::Step;
pub(crate) use raw::Raw;
pub(crate) use scope::{Platform, Scope};

/// Names the tests of a module and the methods each one is the contract of.
///
/// Makes `name::sqlite` and `name::postgres` out of each, and a list that the completeness test
/// holds against the sources.
macro_rules! contract {
    ($($name:ident: $($owner:ident::$method:ident),+;)+) => {
        /// The methods this module is the contract of.
        pub(crate) const COVERED: &[&str] = &[
            $($(concat!(stringify!($owner), "::", stringify!($method)),)+)+
        ];
        on_both_engines_by_name!($($name)+);
    };
}

/// Makes `name::sqlite` and `name::postgres` out of each `async fn name(db: TestDatabase)`.
macro_rules! on_both_engines_by_name {
    ($($name:ident)+) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                doorward_testkit::database::run(doorward_store::Engine::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                doorward_testkit::database::run(doorward_store::Engine::Postgres, super::$name);
            }
        }
    )+};
}
