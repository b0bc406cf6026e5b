//! Where the data is.

use std::path::PathBuf;

use doorward_domain::secret::SecretText;

use crate::config::reader::Reader;
use crate::config::registry;

/// Which database.
#[derive(Debug, Clone)]
pub(crate) enum Location {
    /// The embedded engine's file.
    Sqlite(PathBuf),
    /// The shared engine's URL, with its password.
    Postgres(SecretText),
}

/// `[database]`
#[derive(Debug, Clone)]
pub(crate) struct Database {
    /// Which, once it is set.
    pub(crate) location: Option<Location>,
    /// Connections to PostgreSQL.
    pub(crate) connections: usize,
    /// Reading threads of SQLite.
    pub(crate) readers: usize,
    /// Transactions that may wait.
    pub(crate) queue: usize,
}

impl Database {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            location: location(reader),
            connections: reader.number(&registry::DATABASE_CONNECTIONS),
            readers: reader.number(&registry::DATABASE_READERS),
            queue: reader.number(&registry::DATABASE_QUEUE),
        }
    }
}

fn location(reader: &mut Reader<'_>) -> Option<Location> {
    let variable = &registry::DATABASE_URL;
    let text = reader.text(variable)?;
    if let Some(path) = text.strip_prefix("sqlite:") {
        // sqlite:relative, sqlite:/absolute, and sqlite:///absolute as other tools write it.
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains('?') {
            reader.problem(
                variable,
                "must name a file: sqlite:/var/lib/doorward/doorward.db",
            );
            return None;
        }
        Some(Location::Sqlite(PathBuf::from(path)))
    } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        Some(Location::Postgres(SecretText::new(text)))
    } else {
        reader.problem(variable, "must begin with sqlite: or postgres://");
        None
    }
}

/// What matters for safety in a PostgreSQL URL: its hosts and its `sslmode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PostgresTarget {
    /// Host names, without ports. Empty for a local socket.
    pub(crate) hosts: Vec<String>,
    /// `sslmode`, if it is given.
    pub(crate) sslmode: Option<String>,
}

impl PostgresTarget {
    /// Takes a URL apart. Several hosts may be given (libpq §34.1.1.3), which RFC 3986 has no word for.
    pub(crate) fn of(url: &str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = before_query.split('/').next().unwrap_or("");
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, hosts)| hosts);
        let parameter = |name: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .filter(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
                .last()
        };
        let named = authority
            .split(',')
            .map(without_port)
            .filter(|host| !host.is_empty());
        let mut hosts: Vec<String> = named.map(str::to_owned).collect();
        for parameter in [parameter("host"), parameter("hostaddr")]
            .into_iter()
            .flatten()
        {
            hosts.extend(parameter.split(',').map(str::to_owned));
        }
        // A host that is a path is a local socket, also in percent-encoding.
        hosts
            .retain(|host| !host.starts_with('/') && !host.to_ascii_lowercase().starts_with("%2f"));
        Self {
            hosts,
            sslmode: parameter("sslmode"),
        }
    }

    /// Whether every host is this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.hosts.iter().all(|host| {
            host == "localhost"
                || host
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        })
    }
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => host.split(':').next().unwrap_or(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_urls_are_taken_apart() {
        let of = PostgresTarget::of;
        let one = of("postgres://u:p%40ss@db.example:5433/d?sslmode=verify-full");
        assert_eq!(one.hosts, ["db.example"]);
        assert_eq!(one.sslmode.as_deref(), Some("verify-full"));
        assert!(!one.is_local());
        assert_eq!(of("postgres://u@a:1,b:2/d").hosts, ["a", "b"]);
        assert!(of("postgres://u@localhost/d").is_local());
        assert!(of("postgres://u@[::1]:5432/d").is_local());
        assert!(of("postgres://u@127.0.0.1").is_local());
        assert!(of("postgres:///d?host=/var/run/postgresql").is_local());
        assert!(of("postgres://u@%2Fvar%2Frun/d").is_local());
        assert!(!of("postgres://u@localhost,db.example/d").is_local());
        assert!(!of("postgres:///d?host=db.example").is_local());
        assert!(!of("postgres://u@localhost/d?hostaddr=192.0.2.1").is_local());
    }
}
