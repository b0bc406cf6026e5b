//! `doorward dev` and `doorward serve`.

use std::net::IpAddr;

use clap::Args;

use crate::config::safety::Exception;
use crate::config::{Override, registry};

/// `doorward dev`
#[derive(Debug, Args)]
#[command(
    after_help = "Everything is kept in --data-dir (default ./doorward-data). E-mail and SMS \
                        are not sent: GET /dev/outbox on the operator face shows them, and \
                        POST /dev/clock moves the server's clock.\n\nExamples:\n  doorward dev\n  \
                        doorward dev --port 4000 --admin-port 4001 --data-dir /tmp/try\n  \
                        doorward dev --database-url postgres://me@localhost/doorward"
)]
pub(crate) struct DevArgs {
    /// Port of the public face on 127.0.0.1 [default: 3000]
    #[arg(long)]
    port: Option<u16>,
    /// Port of the operator face on 127.0.0.1 [default: 3001]
    #[arg(long)]
    admin_port: Option<u16>,
    /// The issuer of tokens, if not the address of the public face
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

/// `doorward serve`
#[derive(Debug, Args)]
#[command(
    after_help = "It refuses to start with unsafe settings, names every one, and names the \
                        exception by which a danger can be accepted (--allow-insecure NAME). \
                        `doorward config reference` lists all settings.\n\nExamples:\n  \
                        doorward serve --config /etc/doorward.toml\n  \
                        DATABASE_URL=postgres://… DOORWARD_PUBLIC_URL=https://auth.example.com \
                        doorward serve"
)]
pub(crate) struct ServeArgs {
    /// Where clients reach the service: the issuer of tokens
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Address the public face listens on
    #[arg(long, value_name = "ADDRESS")]
    host: Option<IpAddr>,
    /// Port of the public face
    #[arg(long)]
    port: Option<u16>,
    /// Address the operator face listens on
    #[arg(long, value_name = "ADDRESS")]
    admin_host: Option<IpAddr>,
    /// Port of the operator face
    #[arg(long)]
    admin_port: Option<u16>,
    /// A danger to accept; can be repeated
    #[arg(long, value_name = "NAME")]
    allow_insecure: Vec<Exception>,
    #[command(flatten)]
    log: LogArgs,
}

/// Flags of the log.
#[derive(Debug, Args)]
struct LogArgs {
    /// Form of the log on stderr: json or pretty
    #[arg(long, value_name = "FORM")]
    log_format: Option<String>,
    /// error, warn, info, debug, trace, or directives such as info,doorward_store=debug
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl DevArgs {
    /// The settings the flags stand for. The faces of `dev` listen on this machine only.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let mut flags = Vec::new();
        for variable in [&registry::HOST, &registry::ADMIN_HOST] {
            let text = "127.0.0.1".to_owned();
            flags.push(Override {
                variable,
                text,
                flag: "doorward dev",
            });
        }
        push(
            &mut flags,
            &registry::PUBLIC_URL,
            "--public-url",
            &self.public_url,
        );
        push(&mut flags, &registry::PORT, "--port", &self.port);
        push(
            &mut flags,
            &registry::ADMIN_PORT,
            "--admin-port",
            &self.admin_port,
        );
        self.log.push_to(&mut flags);
        flags
    }
}

impl ServeArgs {
    /// The settings the flags stand for.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let mut flags = Vec::new();
        push(
            &mut flags,
            &registry::PUBLIC_URL,
            "--public-url",
            &self.public_url,
        );
        push(&mut flags, &registry::HOST, "--host", &self.host);
        push(&mut flags, &registry::PORT, "--port", &self.port);
        push(
            &mut flags,
            &registry::ADMIN_HOST,
            "--admin-host",
            &self.admin_host,
        );
        push(
            &mut flags,
            &registry::ADMIN_PORT,
            "--admin-port",
            &self.admin_port,
        );
        let names: Vec<_> = self
            .allow_insecure
            .iter()
            .map(|exception| exception.name())
            .collect();
        let exceptions = (!names.is_empty()).then(|| names.join(","));
        push(
            &mut flags,
            &registry::ALLOW_INSECURE,
            "--allow-insecure",
            &exceptions,
        );
        self.log.push_to(&mut flags);
        flags
    }
}

impl LogArgs {
    fn push_to(&self, flags: &mut Vec<Override>) {
        push(
            flags,
            &registry::LOG_FORMAT,
            "--log-format",
            &self.log_format,
        );
        push(flags, &registry::LOG_LEVEL, "--log-level", &self.log_level);
    }
}

fn push(
    flags: &mut Vec<Override>,
    variable: &'static crate::config::Variable,
    flag: &'static str,
    value: &Option<impl ToString>,
) {
    if let Some(value) = value {
        flags.push(Override {
            variable,
            text: value.to_string(),
            flag,
        });
    }
}
