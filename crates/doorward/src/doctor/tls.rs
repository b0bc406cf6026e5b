//! Certificates: whether they are valid, and for how long.

use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorward_service::doctor::Finding;
use doorward_store::postgres::{Roots, Tls};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::deadline::{self, Deadline, Timed};
use crate::config::Config;
use crate::config::sections::Database;

/// Until a server must have shown its certificate, however slowly it speaks.
const PATIENCE: Duration = Duration::from_secs(3);
/// Until all of them must have.
const PATIENCE_WITH_ALL: Duration = Duration::from_secs(8);
const DAY: u64 = 86_400;
/// Days at the end of a certificate: to be looked at, and too few.
const FEW: [u64; 2] = [21, 7];
/// Further than this nobody needs to know.
const FARTHEST: u64 = 400;

/// What precedes TLS on a connection.
#[derive(Clone, Copy)]
enum Before {
    Nothing,
    /// PostgreSQL's SSLRequest (its protocol, 55.2.10).
    Postgres,
}

/// The certificate of the public URL, which a proxy shows.
pub(super) fn public(config: &Config) -> Option<Finding> {
    let url = config.server.public_url.as_ref()?;
    if url.scheme() != "https" {
        return None;
    }
    let host = url.host_str()?.trim_matches(['[', ']']);
    let port = url.port_or_known_default()?;
    let until = Deadline::after(PATIENCE);
    let days = look(host, port, &Roots::System, Before::Nothing, until);
    Some(told(
        "tls.public",
        &format!("{host}:{port}"),
        days,
        "Look at the proxy in front: does it renew its certificate by itself, and is this machine \
         able to reach it?",
    ))
}

/// The certificate of PostgreSQL.
pub(super) fn database(config: &Config) -> Vec<Finding> {
    let Some(Database::Postgres(options)) = &config.database else {
        return Vec::new();
    };
    let Tls::Verified(roots) = &options.tls else {
        let seen = match options.is_plaintext_to_elsewhere() {
            true => {
                return vec![Finding::fail(
                    "tls.database",
                    "the connection to PostgreSQL is neither secret nor verified",
                    "Use sslmode=verify-full, with sslrootcert for an authority of your own.",
                )];
            }
            false => "PostgreSQL is on this machine; no TLS is used",
        };
        return vec![Finding::ok("tls.database", seen)];
    };
    let all = Deadline::after(PATIENCE_WITH_ALL);
    let each = options.targets().into_iter().map(|(host, port)| {
        let until = Deadline::after(PATIENCE).or(all);
        told(
            "tls.database",
            &format!("{host}:{port}"),
            look(&host, port, roots, Before::Postgres, until),
            "Renew the server's certificate (and reload PostgreSQL): without it no connection is \
             made.",
        )
    });
    each.collect()
}

fn told(id: &'static str, place: &str, days: Result<u64, String>, advice: &str) -> Finding {
    match days {
        Err(why) => Finding::fail(id, format!("{place}: {why}"), advice),
        Ok(FARTHEST) => Finding::ok(id, format!("{place}: valid for more than a year")),
        Ok(days) => {
            let seen = format!("{place}: valid for {days} more days");
            match days {
                few if few < FEW[1] => Finding::fail(id, seen, advice),
                few if few < FEW[0] => Finding::warn(id, seen, advice),
                _ => Finding::ok(id, seen),
            }
        }
    }
}

/// For how many days the chain that a server shows will still be valid.
fn look(
    host: &str,
    port: u16,
    roots: &Roots,
    before: Before,
    until: Deadline,
) -> Result<u64, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let inner = WebPkiServerVerifier::builder_with_provider(load(roots)?.into(), provider.clone())
        .build()
        .map_err(|error| error.to_string())?;
    let watching = Arc::new(Watching {
        inner,
        seen: Mutex::new(None),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(watching.clone())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let mut client =
        ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
    let done = connect(host, port, before, until).and_then(|mut stream| {
        while client.is_handshaking() {
            client.complete_io(&mut stream)?;
        }
        Ok(())
    });
    let seen = watching.seen.lock().unwrap_or_else(PoisonError::into_inner);
    match (*seen, done) {
        (Some(days), _) => Ok(days),
        (None, Err(error)) => Err(error.to_string()),
        (None, Ok(())) => Err("no certificate was shown".to_owned()),
    }
}

fn connect(host: &str, port: u16, before: Before, until: Deadline) -> io::Result<Timed> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in deadline::addresses(host, port, until)? {
        match Timed::connect(&address, until) {
            Ok(mut stream) => {
                if matches!(before, Before::Postgres) {
                    stream.write_all(&SSL_REQUEST)?;
                    let mut answer = [0];
                    stream.read_exact(&mut answer)?;
                    if answer != *b"S" {
                        return Err(io::Error::other("the server offers no TLS (ssl = on)"));
                    }
                }
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn load(roots: &Roots) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Roots::File(path) => {
            store.add_parsable_certificates(read(path).map_err(|error| error.to_string())?);
        }
    }
    Ok(store)
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_file_iter(path)?.collect()
}

/// Verifies as usual, and asks beyond that until when it would.
#[derive(Debug)]
struct Watching {
    inner: Arc<WebPkiServerVerifier>,
    /// Days of validity, once it was verified.
    seen: Mutex<Option<u64>>,
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let at = |days: u64| {
            let then = Duration::from_secs(now.as_secs().saturating_add(days * DAY));
            let then = UnixTime::since_unix_epoch(then);
            self.inner
                .verify_server_cert(end_entity, intermediates, name, ocsp, then)
        };
        let verified = at(0)?;
        let (mut good, mut bad) = (0, FARTHEST + 1);
        while good + 1 < bad {
            let middle = good.midpoint(bad);
            match at(middle) {
                Ok(_) => good = middle,
                Err(_) => bad = middle,
            }
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(good);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, Issuer, KeyPair};

    use super::*;

    /// An authority of its own, and a server that shows a certificate of it once.
    struct Shown {
        _directory: tempfile::TempDir,
        roots: Roots,
        port: u16,
    }

    /// Valid from `from` to `until`, in days from now.
    fn show(from: i64, until: i64, before: Before) -> Shown {
        let day = |days: i64| {
            let now = std::time::UNIX_EPOCH.elapsed().unwrap();
            let seconds = i64::try_from(now.as_secs()).unwrap() + days * 86_400 + 600;
            let date = jiff::Timestamp::from_second(seconds).unwrap();
            let date = date.to_zoned(jiff::tz::TimeZone::UTC);
            rcgen::date_time_ymd(
                date.year().into(),
                u8::try_from(date.month()).unwrap(),
                u8::try_from(date.day()).unwrap(),
            )
        };
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "ours");
        let authority = ca.self_signed(&ca_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (leaf.not_before, leaf.not_after) = (day(from), day(until));
        let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        std::fs::write(&path, authority.pem()).unwrap();
        let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], private)
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            if matches!(before, Before::Postgres) {
                let mut request = [0; 8];
                stream.read_exact(&mut request).unwrap();
                stream.write_all(b"S").unwrap();
            }
            let mut server = rustls::ServerConnection::new(Arc::new(config)).unwrap();
            while server.is_handshaking() && server.complete_io(&mut stream).is_ok() {}
        });
        Shown {
            roots: Roots::File(path),
            _directory: directory,
            port,
        }
    }

    fn look(host: &str, port: u16, roots: &Roots, before: Before) -> Result<u64, String> {
        super::look(host, port, roots, before, Deadline::after(PATIENCE))
    }

    /// One byte at a time, each in good time: never done, and never silent.
    #[test]
    fn who_speaks_slowly_is_not_waited_for() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // A TLS record of 16,000 bytes begins.
            let head = [22, 3, 3, 62, 128];
            for byte in head.into_iter().chain(std::iter::repeat(0)) {
                if stream.write_all(&[byte]).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let shown = show(-1, 90, Before::Nothing);
        let began = std::time::Instant::now();
        let until = Deadline::after(Duration::from_millis(300));
        let why = super::look("127.0.0.1", port, &shown.roots, Before::Nothing, until);
        assert!(why.unwrap_err().contains("in time"));
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }

    #[test]
    fn the_days_of_a_certificate_are_counted() {
        for (until, before) in [
            (3, Before::Nothing),
            (20, Before::Postgres),
            (90, Before::Nothing),
        ] {
            let shown = show(-1, until, before);
            let days = look("localhost", shown.port, &shown.roots, before).unwrap();
            // It ends at midnight, some time before so many whole days.
            let wanted = u64::try_from(until).unwrap();
            assert!((wanted - 1..=wanted).contains(&days), "{days} of {until}");
        }
        let shown = show(-1, 4_000, Before::Nothing);
        assert_eq!(
            look("localhost", shown.port, &shown.roots, Before::Nothing),
            Ok(FARTHEST)
        );
    }

    #[test]
    fn what_is_not_valid_is_no_number_of_days() {
        let expired = show(-30, -2, Before::Nothing);
        let why = look("localhost", expired.port, &expired.roots, Before::Nothing).unwrap_err();
        assert!(why.to_lowercase().contains("expired"), "{why}");
        let (one, other) = (show(-1, 90, Before::Nothing), show(-1, 90, Before::Nothing));
        assert!(look("localhost", one.port, &other.roots, Before::Nothing).is_err());
        let named_otherwise = show(-1, 90, Before::Nothing);
        let why = look(
            "127.0.0.1",
            named_otherwise.port,
            &named_otherwise.roots,
            Before::Nothing,
        );
        assert!(why.is_err(), "another name");
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = closed.local_addr().unwrap().port();
        drop(closed);
        assert!(look("localhost", port, &other.roots, Before::Nothing).is_err());
    }

    #[test]
    fn few_days_are_told_with_what_to_do() {
        use doorward_service::doctor::Severity;
        let severity = |days| told("tls.public", "x", days, "renew").severity;
        assert_eq!(severity(Ok(90)), Severity::Ok);
        assert_eq!(severity(Ok(20)), Severity::Warn);
        assert_eq!(severity(Ok(6)), Severity::Fail);
        assert_eq!(severity(Err("no".to_owned())), Severity::Fail);
    }
}
