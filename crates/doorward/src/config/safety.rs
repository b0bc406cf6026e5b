//! What `doorward serve` refuses to start with, and by which name each danger can be accepted.

use std::collections::BTreeSet;

use std::net::IpAddr;

use super::sections::{Database, Email, Security};
use super::{Config, Problem, Values, registry};

macro_rules! exceptions {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal;)*) => {
        /// A danger that can be accepted by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
        pub(crate) enum Exception {
            $($(#[doc = $doc])+ #[value(name = $name)] $variant,)*
        }

        impl Exception {
            /// Every one.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Their names.
            pub(crate) const NAMES: &'static [&'static str] = &[$($name,)*];

            /// The name by which it is accepted.
            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

exceptions! {
    /// Tokens whose issuer is an http:// URL
    HttpIssuer = "http-issuer";
    /// Plain HTTP on an address that others reach, with no proxy named that adds TLS
    PlainHttp = "plain-http";
    /// The operator face on an address that others reach
    OperatorPublic = "operator-public";
    /// PostgreSQL on another machine without a verified certificate
    DatabaseTls = "database-tls";
    /// A mail server on another machine without TLS
    SmtpTls = "smtp-tls";
    /// No health secret, or a short one
    HealthSecret = "health-secret";
    /// Files with secrets that every user of the machine can read
    ReadableSecrets = "readable-secrets";
}

impl Exception {
    /// By its name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|exception| exception.name() == name)
    }
}

/// Everything that speaks against starting, and what deserves a warning.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Reasons to refuse.
    pub(crate) refusals: Vec<Refusal>,
    /// Reasons to worry.
    pub(crate) warnings: Vec<Problem>,
}

/// One reason to refuse.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What is wrong and which variable mends it.
    pub(crate) problem: Problem,
    /// By which name it could be accepted; `None`: not at all.
    pub(crate) exception: Option<Exception>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.problem.fmt(f)?;
        match self.exception {
            Some(exception) => {
                write!(
                    f,
                    " To accept this danger: --allow-insecure {}",
                    exception.name()
                )
            }
            None => Ok(()),
        }
    }
}

/// Judges settings that are well-formed.
pub(crate) fn judge(config: &Config, values: &Values) -> Verdict {
    let mut judge = Judge {
        config,
        values,
        verdict: Verdict::default(),
    };
    judge.issuer();
    judge.faces();
    judge.database();
    judge.master_key();
    judge.health_secret();
    judge.secret_files();
    judge.delivery();
    judge.verdict
}

struct Judge<'a> {
    config: &'a Config,
    values: &'a Values,
    verdict: Verdict,
}

impl Judge<'_> {
    fn refuse(&mut self, variable: &super::Variable, message: String, exception: Exception) {
        let problem = Problem::new(self.values.name_of(variable), message);
        if self.config.server.allow_insecure.contains(&exception) {
            self.verdict.warnings.push(problem);
        } else {
            self.verdict.refusals.push(Refusal {
                problem,
                exception: Some(exception),
            });
        }
    }

    fn demand(&mut self, variable: &super::Variable, message: &str) {
        let problem = Problem::new(self.values.name_of(variable), message);
        self.verdict.refusals.push(Refusal {
            problem,
            exception: None,
        });
    }

    fn warn(&mut self, name: impl Into<String>, message: impl Into<String>) {
        self.verdict.warnings.push(Problem::new(name, message));
    }

    fn issuer(&mut self) {
        let variable = &registry::PUBLIC_URL;
        match &self.config.server.public_url {
            None => self.demand(
                variable,
                "must be set to the URL clients use, e.g. https://auth.example.com; it is the \
                 issuer of every token.",
            ),
            Some(url) if url.scheme() != "https" => self.refuse(
                variable,
                format!("{url} is not https: codes and tokens would travel in the clear."),
                Exception::HttpIssuer,
            ),
            Some(_) => {}
        }
    }

    fn faces(&mut self) {
        let server = &self.config.server;
        let https = server
            .public_url
            .as_ref()
            .is_some_and(|url| url.scheme() == "https");
        let (public, operator) = (server.listen, self.config.admin.listen);
        let proxied = !server.trusted_proxies.is_empty();
        // A proxy on this machine reaches us on the loopback address: it is no reason to listen on
        // another one.
        let from_outside = server
            .trusted_proxies
            .iter()
            .any(|network| !network.network().is_loopback());
        if !public.ip().is_loopback() && !from_outside {
            self.refuse(
                &registry::HOST,
                format!(
                    "the public face speaks plain HTTP on {public}. Name the proxy that adds TLS \
                     in {} (e.g. 10.0.0.0/8), or listen on 127.0.0.1.",
                    registry::TRUSTED_PROXIES.env
                ),
                Exception::PlainHttp,
            );
        } else if https && !proxied {
            self.warn(
                registry::TRUSTED_PROXIES.env,
                "is not set: behind a proxy all clients seem to come from its address, and share \
                 one limit per address. Behind one on this machine: 127.0.0.1.",
            );
        }
        if !operator.ip().is_loopback() {
            self.refuse(
                &registry::ADMIN_HOST,
                format!("the operator face on {operator} can be reached from other machines."),
                Exception::OperatorPublic,
            );
        }
        let overlap = public.ip() == operator.ip()
            || public.ip().is_unspecified()
            || operator.ip().is_unspecified();
        if public.port() == operator.port() && public.port() != 0 && overlap {
            self.demand(
                &registry::ADMIN_PORT,
                "is the port of the public face too; the two faces need two ports.",
            );
        }
    }

    fn database(&mut self) {
        let variable = &registry::DATABASE_URL;
        match &self.config.database {
            None => self.demand(
                variable,
                "must be set: sqlite:/var/lib/doorward/doorward.db or \
                 postgres://user:password@host/database?sslmode=verify-full.",
            ),
            Some(Database::Postgres(options)) if options.is_plaintext_to_elsewhere() => self
                .refuse(
                    variable,
                    "the connection to PostgreSQL would be neither secret nor verified. Drop \
                     sslmode=disable, or say sslmode=verify-full."
                        .to_owned(),
                    Exception::DatabaseTls,
                ),
            Some(_) => {}
        }
    }

    fn master_key(&mut self) {
        // One that can be guessed is a problem of the value itself: the keyring takes none.
        if self.config.keys.master.is_none() {
            self.demand(
                &registry::MASTER_KEY,
                "must be set, or DOORWARD_MASTER_KEY_FILE: make one with `openssl rand -hex 32` \
                 and keep it safe, apart from the database and its backups.",
            );
        }
    }

    fn health_secret(&mut self) {
        const SHORTEST: usize = 16;
        const DIFFERENT: usize = 8;
        let variable = &registry::HEALTH_SECRET;
        let secret = self.config.health.secret.as_ref().map(|text| text.expose());
        let message = match secret {
            None => "must be set: it guards the details of GET /health.",
            // A header's value is trimmed on its way, so that spaces around it never match.
            Some(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                "must be visible ASCII characters without spaces."
            }
            Some(text) if text.len() < SHORTEST => "must have at least 16 characters.",
            Some(text) if text.bytes().collect::<BTreeSet<_>>().len() < DIFFERENT => {
                "must have at least 8 different characters."
            }
            Some(_) => return,
        };
        self.refuse(
            variable,
            format!("{message} Make one with `openssl rand -hex 16`."),
            Exception::HealthSecret,
        );
    }

    fn secret_files(&mut self) {
        for (named_by, path) in self.values.readable_by_all() {
            let path = path.display();
            let problem = Problem::new(
                named_by.clone(),
                format!("others on this machine can read or change {path}; `chmod 600 {path}`."),
            );
            let exception = Exception::ReadableSecrets;
            if self.config.server.allow_insecure.contains(&exception) {
                self.verdict.warnings.push(problem);
            } else {
                self.verdict.refusals.push(Refusal {
                    problem,
                    exception: Some(exception),
                });
            }
        }
    }

    fn delivery(&mut self) {
        let delivery = &self.config.delivery;
        if let Some(Email::Smtp(smtp)) = &delivery.email
            && smtp.tls == Security::None
            && !is_this_machine(&smtp.host)
        {
            let host = smtp.host.clone();
            self.refuse(
                &registry::SMTP_TLS,
                format!("codes would travel to {host} in the clear. Use starttls or implicit."),
                Exception::SmtpTls,
            );
        }
        // A server is named, but not all it takes: that is told as a problem of its own.
        let begun = [&registry::SMTP_HOST, &registry::SMTP_URL]
            .into_iter()
            .any(|variable| self.values.is_set(variable));
        match (&delivery.email, &delivery.sms) {
            (None, Some(_)) if begun => {}
            (None, None) if !begun => self.warn(
                registry::SMTP_URL.env,
                "no mail server and no SMS provider is set: no code can be sent.",
            ),
            (None, Some(_)) => self.warn(
                registry::SMTP_URL.env,
                "no mail server is set: codes for e-mail addresses cannot be sent.",
            ),
            (_, None) => self.warn(
                registry::SMS_PROVIDER.env,
                "no SMS provider is set: codes for phone numbers cannot be sent.",
            ),
            (Some(_), Some(_)) => {}
        }
    }
}

/// As the sender of mail judges it: by the text alone, for an answer of the DNS could change.
fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for exception in Exception::ALL {
            assert_eq!(Exception::parse(exception.name()), Some(*exception));
        }
    }
}
