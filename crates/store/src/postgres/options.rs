//! How the shared engine is reached.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use super::url;
use crate::error::StoreError;

/// How long one address may take until it can be used, unless `connect_timeout` says otherwise.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether and how the connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Plain text.
    Disabled,
    /// TLS 1.2 or later; the server's certificate must be valid for its host name (`verify-full`).
    Verified(Roots),
}

/// Who may vouch for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Whom the machine trusts.
    System,
    /// The authorities in a PEM file.
    File(PathBuf),
}

/// Settings of the shared engine. `Debug` shows no password.
#[derive(Clone)]
pub struct Options {
    pub(super) config: Config,
    /// Protection on the way; from `sslmode` and `sslrootcert` of the URL.
    pub tls: Tls,
    /// Whether the operator has said in so many words that plain text to another machine is wanted.
    pub plaintext_allowed: bool,
    /// Connections, each with a thread of its own.
    pub connections: usize,
    /// Jobs that may wait before the answer is [`StoreError::Busy`].
    pub queue: usize,
    /// How often a transaction that collided with others is run again.
    pub retries: u32,
    /// How long after its submission a job may still be waiting for a connection, before the answer
    /// is [`StoreError::Unavailable`].
    pub unavailable_after: Duration,
    /// The longest statement.
    pub statement_timeout: Duration,
    /// The longest wait for a row that another transaction holds.
    pub lock_timeout: Duration,
    /// After how long the server ends a transaction that has gone silent.
    pub idle_in_transaction_timeout: Duration,
}

impl Options {
    /// From `postgres://user:password@host:port,host2/database?sslmode=…&sslrootcert=…`.
    ///
    /// TLS with full verification is the default, except when every host is this machine.
    /// `sslmode=require` and `verify-ca` are read as `verify-full`; the modes that may fall back to
    /// plain text are refused. Only a server that accepts writes is used, unless
    /// `target_session_attrs` says otherwise.
    ///
    /// # Errors
    /// [`StoreError::Internal`] saying what is wrong, without any part of the URL in it.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let parsed = url::parse(url).map_err(|why| {
            StoreError::Internal(format!(
                "the database URL of PostgreSQL is not usable: {why}"
            ))
        })?;
        let mut config = parsed.config;
        if config.get_application_name().is_none() {
            config.application_name("doorward");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(10));
        }
        if !parsed.target_named {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let tls = match parsed.tls {
            Some(tls) => tls,
            None if on_this_machine(&config) => Tls::Disabled,
            None => Tls::Verified(Roots::System),
        };
        Ok(Self {
            config,
            tls,
            plaintext_allowed: false,
            connections: 16,
            queue: 1024,
            retries: 10,
            unavailable_after: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(15),
        })
    }

    /// Hosts and ports it may connect to over a network, in order.
    #[must_use]
    pub fn targets(&self) -> Vec<(String, u16)> {
        let ports = self.config.get_ports();
        let port = |index: usize| ports.get(index).or(ports.first()).copied();
        let hosts = self.config.get_hosts().iter().enumerate();
        hosts
            .filter_map(|(index, host)| match host {
                Host::Tcp(name) => Some((name.clone(), port(index).unwrap_or(5432))),
                #[cfg(unix)]
                Host::Unix(_) => None,
            })
            .collect()
    }

    /// Whether stored data would cross a network unprotected.
    #[must_use]
    pub fn is_plaintext_to_elsewhere(&self) -> bool {
        self.tls == Tls::Disabled && !on_this_machine(&self.config)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("hosts", &self.config.get_hosts())
            .field("ports", &self.config.get_ports())
            .field("database", &self.config.get_dbname())
            .field("tls", &self.tls)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

fn on_this_machine(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(url: &str) -> Result<Tls, String> {
        Options::parse(url)
            .map(|options| options.tls)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn other_machines_are_verified_unless_told_otherwise() {
        let system = || Ok(Tls::Verified(Roots::System));
        assert_eq!(tls("postgres://u:p@db.example/d"), system());
        assert_eq!(tls("postgresql://u:p@localhost,db.example/d"), system());
        assert_eq!(tls("postgres://u:p@db.example/d?sslmode=require"), system());
        assert_eq!(
            tls("postgres://u:p@db.example/d?sslmode=verify-ca&sslrootcert=system"),
            system()
        );
        for local in ["localhost", "127.0.0.1", "127.8.8.8", "%2Frun%2Fpostgresql"] {
            assert_eq!(
                tls(&format!("postgres://u:p@{local}/d")),
                Ok(Tls::Disabled),
                "{local}"
            );
        }
        assert_eq!(
            tls("postgres://u@localhost/d?sslmode=verify-full"),
            system()
        );
        assert_eq!(
            tls("postgres://u@h/d?sslrootcert=/etc/a%20b+c.pem"),
            Ok(Tls::Verified(Roots::File("/etc/a b+c.pem".into())))
        );
    }

    #[test]
    fn plain_text_to_elsewhere_is_noticed() {
        let elsewhere = |url| {
            Options::parse(url)
                .map(|o| o.is_plaintext_to_elsewhere())
                .unwrap()
        };
        assert!(elsewhere("postgres://u@db.example/d?sslmode=disable"));
        assert!(elsewhere(
            "postgres://u@localhost,db.example/d?sslmode=disable"
        ));
        assert!(!elsewhere("postgres://u@localhost/d?sslmode=disable"));
        assert!(!elsewhere("postgres://u@db.example/d"));
    }

    #[test]
    fn fallback_to_plain_text_and_unknown_parameters_are_refused() {
        for refused in [
            "postgres://u@h/d?sslmode=prefer",
            "postgres://u@h/d?sslmode=allow",
            "postgres://u@h/d?sslmode=disable&sslrootcert=/x",
            "postgres://u@h/d?sslcompression=1",
            "postgres://u@h/d?target_session_attrs=standby",
            "postgres:///d",
            "mysql://u@h/d",
            "postgres://u@h:port/d",
        ] {
            assert!(tls(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn no_error_and_no_debug_output_holds_the_password() {
        for url in [
            "postgres://u:hunter2@h:x/d",
            "postgres://u:a?hunter2@h/d",
            "postgres://u:a?hunter2=1@h/d",
            "postgres://u:a/hunter2@h/d",
            "postgres://u:a@hunter2:b@h/d?sslmode=hunter2",
            "hunter2",
        ] {
            match Options::parse(url) {
                Ok(options) => assert!(!format!("{options:?}").contains("hunter2"), "{url}"),
                Err(error) => assert!(!format!("{error}{error:?}").contains("hunter2"), "{url}"),
            }
        }
    }
}
