//! Where the data is.

use doorward_store::{postgres, sqlite};

use crate::config::reader::Reader;
use crate::config::registry;

/// Which database, and how it is reached.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// The embedded engine.
    Sqlite(sqlite::Options),
    /// The shared engine.
    Postgres(Box<postgres::Options>),
}

impl Database {
    /// `[database]`; `None` when no database is named, or by a URL that is not usable.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let connections = reader.number(&registry::DATABASE_CONNECTIONS);
        let readers = reader.number(&registry::DATABASE_READERS);
        let queue = reader.number(&registry::DATABASE_QUEUE);
        let variable = &registry::DATABASE_URL;
        let url = reader.text(variable)?;
        let parsed = if url.starts_with("sqlite:") {
            sqlite::Options::parse(&url).map(|mut options| {
                options.readers = readers;
                options.queue = queue;
                Self::Sqlite(options)
            })
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            postgres::Options::parse(&url).map(|mut options| {
                options.connections = connections;
                options.queue = queue;
                Self::Postgres(Box::new(options))
            })
        } else {
            reader.problem(variable, "must begin with sqlite: or postgres://");
            return None;
        };
        match parsed {
            Ok(database) => Some(database),
            Err(error) => {
                // Made for this: no part of the URL is in it.
                reader.problem(variable, error.to_string());
                None
            }
        }
    }
}
