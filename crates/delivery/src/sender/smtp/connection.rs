//! Opens connections and reads their errors.

use std::error::Error as _;
use std::net::SocketAddr;

use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
#[expect(deprecated, reason = "see `secured`")]
use lettre::transport::smtp::client::AsyncNetworkStream;
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, AsyncTokioStream, Certificate, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_util::compat::FuturesAsyncReadCompatExt;

use super::options::{SmtpOptions, SmtpTls};
use super::stream::{Allowance, Bounded};
use crate::sender::net::{Lookups, Unusable, is_loopback, literal};
use crate::sender::{Networks, OptionsError, SendError, Step};

/// An open connection.
pub(super) struct Open {
    pub(super) connection: AsyncSmtpConnection,
    /// What the server may still say.
    pub(super) allowance: Allowance,
}

/// Opens connections.
pub(super) struct Connector {
    host: String,
    port: u16,
    tls: Protection,
    credentials: Option<Credentials>,
    hello: ClientId,
    networks: Option<Networks>,
    lookups: Lookups,
}

enum Protection {
    Implicit(TlsParameters),
    StartTls(TlsParameters),
    None,
}

impl Connector {
    pub(super) fn new(options: &SmtpOptions) -> Result<Self, OptionsError> {
        if let (Some(networks), Some(address)) = (&options.networks, literal(&options.host))
            && !networks.permit(address)
        {
            return Err(OptionsError::new(format!(
                "the mail server {}",
                Unusable::NotPublic
            )));
        }
        Ok(Self {
            host: options.host.clone(),
            port: options.port,
            tls: match options.tls {
                SmtpTls::Implicit => Protection::Implicit(tls_parameters(options)?),
                SmtpTls::StartTls => Protection::StartTls(tls_parameters(options)?),
                SmtpTls::None if options.allow_plaintext || is_loopback(&options.host) => {
                    Protection::None
                }
                SmtpTls::None => {
                    return Err(OptionsError::new(
                        "SMTP without TLS is for loopback only, unless the exception is named",
                    ));
                }
            },
            credentials: options.credentials.as_ref().map(|credentials| {
                let password = credentials.password.expose().to_owned();
                Credentials::new(credentials.username.clone(), password)
            }),
            hello: hello(options.hello_name.as_deref())?,
            lookups: Lookups::default(),
            networks: options.networks.clone(),
        })
    }

    pub(super) async fn connect(&self) -> Result<Open, SendError> {
        // Looked up here, so that what was judged is what is connected to.
        let found = match &self.networks {
            Some(networks) => {
                self.lookups
                    .permitted(networks, &self.host, self.port)
                    .await
            }
            None => self.lookups.resolve(&self.host, self.port).await,
        };
        let addresses = found.map_err(|unusable| {
            SendError::temporary(format!("smtp: the host {unusable}")).at(Step::Resolve)
        })?;
        let (tcp, peer) = tcp(&addresses).await?;
        let allowance = Allowance::new();
        let stream: Box<dyn AsyncTokioStream> = match &self.tls {
            Protection::Implicit(parameters) => {
                let secured = secured(tcp, peer, parameters.clone()).await?;
                Box::new(Bounded::new(secured, peer, allowance.clone()))
            }
            Protection::StartTls(_) | Protection::None => {
                Box::new(Bounded::new(tcp, peer, allowance.clone()))
            }
        };
        let mut connection = AsyncSmtpConnection::connect_with_transport(stream, &self.hello)
            .await
            .map_err(|e| error("could not be reached", &e).at(tls_or(Step::Connect, &e)))?;
        if let Protection::StartTls(parameters) = &self.tls {
            // Without STARTTLS nothing is sent: that is what somebody in between would wish for.
            if !connection.can_starttls() {
                return Err(
                    SendError::temporary("smtp: the server offers no STARTTLS").at(Step::Tls)
                );
            }
            connection
                .starttls(parameters.clone(), &self.hello)
                .await
                .map_err(|e| error("refused STARTTLS", &e).at(Step::Tls))?;
        }
        if let Some(credentials) = &self.credentials {
            connection
                .auth(DEFAULT_MECHANISMS, credentials)
                .await
                .map_err(|e| error("refused the credentials", &e).at(Step::SignIn))?;
        }
        Ok(Open {
            connection,
            allowance,
        })
    }
}

/// The first address that answers. The caller limits the time.
async fn tcp(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), SendError> {
    for address in addresses {
        if let Ok(stream) = TcpStream::connect(address).await {
            return Ok((stream, *address));
        }
    }
    Err(SendError::temporary("smtp: the connection failed").at(Step::Connect))
}

/// With TLS from the first byte.
#[expect(
    deprecated,
    reason = "the only way to lettre's TLS over a stream of ours, so that what is read can be bounded"
)]
async fn secured(
    tcp: TcpStream,
    peer: SocketAddr,
    parameters: TlsParameters,
) -> Result<impl AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug + 'static, SendError>
{
    // The handshake bounds itself.
    let plain = Bounded::new(tcp, peer, Allowance::endless());
    let mut stream = AsyncNetworkStream::use_existing_tokio1(Box::new(plain));
    stream
        .upgrade_tls(parameters)
        .await
        .map_err(|e| error("could not be reached", &e).at(Step::Tls))?;
    Ok(stream.compat())
}

fn tls_or(step: Step, error: &smtp::Error) -> Step {
    if error.is_tls() { Step::Tls } else { step }
}

fn tls_parameters(options: &SmtpOptions) -> Result<TlsParameters, OptionsError> {
    let mut builder = TlsParameters::builder(options.host.clone());
    if let Some(pem) = &options.extra_ca_pem {
        let certificate = Certificate::from_pem(pem)
            .ok()
            .filter(|_| pem.windows(10).any(|part| part == b"-----BEGIN"))
            .ok_or_else(|| OptionsError::new("the extra CA file holds no PEM certificate"))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder
        .build()
        .map_err(|_| OptionsError::new("TLS for SMTP could not be set up"))
}

/// What follows EHLO. It is sent as it is, so it must be one word.
fn hello(name: Option<&str>) -> Result<ClientId, OptionsError> {
    match name {
        None => Ok(ClientId::default()),
        Some(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(ClientId::Domain(name.to_owned()))
        }
        Some(_) => Err(OptionsError::new(
            "the SMTP hello name must be one word of ASCII",
        )),
    }
}

/// What an SMTP error means. The server's text is left out, because it likes to repeat the
/// recipient; of it only the enhanced status code (RFC 3463) is kept.
pub(super) fn error(what: &str, error: &smtp::Error) -> SendError {
    if let Some(code) = error.status() {
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        let enhanced = enhanced_status(&text)
            .map(|status| format!(" {status}"))
            .unwrap_or_default();
        let reason = format!("smtp: the server {what} ({code}{enhanced})");
        // An answer, whatever it says, is no acceptance.
        if error.is_permanent() {
            let recipient = enhanced_status(&text).is_some_and(|status| {
                // RFC 3463 §3.2, §3.3: the address, or the mailbox behind it.
                status.starts_with("5.1.") || status.starts_with("5.2.")
            });
            let step = if recipient {
                Step::Recipient
            } else {
                Step::Refused
            };
            SendError::permanent(reason).at(step)
        } else {
            SendError::temporary(reason).at(Step::Refused)
        }
    } else if error.is_tls() {
        SendError::temporary("smtp: the TLS handshake failed").at(Step::Tls)
    } else if error.is_client() {
        // The server lacks an extension that this message, or the login, needs.
        SendError::permanent("smtp: the server lacks a capability (SMTPUTF8 or an AUTH mechanism)")
    } else if error.is_timeout() {
        SendError::temporary("smtp: the server was too slow")
    } else {
        SendError::temporary("smtp: the connection failed")
    }
}

/// The leading `class.subject.detail` of a reply's text.
fn enhanced_status(text: &str) -> Option<&str> {
    let word = text.split_whitespace().next()?;
    let parts: Vec<&str> = word.split('.').collect();
    let digits =
        |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(digits)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enhanced_status_codes() {
        assert_eq!(enhanced_status("5.1.1 <a@b.c>: unknown"), Some("5.1.1"));
        assert_eq!(enhanced_status("5.7.26 x"), Some("5.7.26"));
        for none in [
            "",
            "no such user",
            "a@b.c",
            "5.1",
            "5.1.1.1",
            "5.1.1x",
            "1234.1.1",
        ] {
            assert_eq!(enhanced_status(none), None, "{none}");
        }
    }

    #[test]
    fn hello_is_one_word() {
        assert!(hello(Some("mail.example.com")).is_ok());
        assert!(hello(Some("a\r\nMAIL FROM:<x@y.z>")).is_err());
        assert!(hello(Some("")).is_err());
    }

    #[test]
    fn plain_text_stays_on_the_machine() {
        let mut options = SmtpOptions {
            tls: SmtpTls::None,
            ..SmtpOptions::new("mail.example.com", "a@b.example")
        };
        assert!(Connector::new(&options).is_err());
        options.allow_plaintext = true;
        assert!(Connector::new(&options).is_ok());
        options.allow_plaintext = false;
        options.host = "127.0.0.1".to_owned();
        assert!(Connector::new(&options).is_ok());
    }

    #[test]
    fn a_ca_file_without_certificates_is_refused() {
        let options = SmtpOptions {
            extra_ca_pem: Some(b"not a certificate".to_vec()),
            ..SmtpOptions::new("mail.example.com", "a@b.example")
        };
        assert!(Connector::new(&options).is_err());
    }
}
