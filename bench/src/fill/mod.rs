//! Fills a deployment's database with what years of use leave behind, past the server: people and
//! sessions by the million would take hours through it.

mod postgres;
mod rows;
mod sqlite;

use std::path::PathBuf;

use crate::Result;

pub(crate) use postgres::second_database;

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    /// Apps beside the one that is measured, and people of each.
    pub(crate) apps: u64,
    pub(crate) people_each: u64,
    /// People of the app that is measured.
    pub(crate) people: u64,
    /// Sessions of each person.
    pub(crate) sessions_each: u64,
}

impl Amount {
    const fn all_people(self) -> u64 {
        self.apps * self.people_each + self.people
    }

    /// For people.
    pub(crate) fn describe(self) -> String {
        format!(
            "{} apps with {} users each and one with {}; {} sessions and as many audit events",
            self.apps,
            self.people_each,
            self.people,
            self.all_people() * self.sessions_each
        )
    }
}

/// Where to.
pub(crate) enum Target {
    /// The file of an embedded deployment that is not running.
    Sqlite(PathBuf),
    /// A URL.
    Postgres(String),
}

/// A value in a column.
#[derive(Debug, Clone)]
enum Cell {
    Uuid(u128),
    Text(String),
    /// Microseconds since 1970.
    Time(i64),
    Int(i64),
    Bytes([u8; 32]),
    Bool(bool),
}

/// An engine's way to take many rows.
trait Sink {
    /// Takes the rows of a table, in this order.
    fn table(
        &mut self,
        name: &str,
        columns: &[&str],
        rows: &mut dyn Iterator<Item = Vec<Cell>>,
    ) -> Result;
    /// The app that is measured: id, settings and session epoch.
    fn measured_app(&mut self) -> Result<rows::Measured>;
    /// What an engine needs after many rows came at once.
    fn finish(&mut self) -> Result;
}

/// Puts it there. The app that is measured must be the only one.
pub(crate) fn fill(target: &Target, amount: Amount) -> Result {
    let mut sink: Box<dyn Sink> = match target {
        Target::Sqlite(path) => Box::new(sqlite::Sqlite::open(path)?),
        Target::Postgres(url) => Box::new(postgres::Postgres::connect(url)?),
    };
    let measured = sink.measured_app()?;
    rows::write(&mut *sink, amount, &measured)?;
    sink.finish()
}
