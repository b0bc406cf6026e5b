//! TLS to PostgreSQL: verified, or refused.

use std::time::Duration;

use doorward_store::StoreError;
use doorward_store::postgres::{Options, PostgresDriver, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::support::{Raw, Server};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for `localhost` that accepts nothing but TLS.
fn start(authority: &Authority) -> Option<Server> {
    let server = Server::start()?;
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let certificate = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, authority)
        .unwrap();
    server.give("server.pem", &certificate.pem());
    server.give("server.key", &key.serialize_pem());
    server.stop();
    server.configure(&format!(
        "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
        server.path("server.pem").display(),
        server.path("server.key").display()
    ));
    server.admit("hostssl all all 127.0.0.1/32 scram-sha-256\n");
    server.boot();
    Some(server)
}

async fn connect(url: &str) -> Result<Raw, StoreError> {
    let mut options = Options::parse(url)?;
    options.connections = 1;
    options.unavailable_after = Duration::from_secs(2);
    PostgresDriver::connect(options).await.map(Raw::new)
}

#[test]
fn only_the_right_certificate_is_accepted() {
    let (right, wrong) = (authority("right"), authority("wrong"));
    let Some(server) = start(&right) else { return };
    for (name, authority) in [("right.pem", &right), ("wrong.pem", &wrong)] {
        std::fs::write(server.path(name), authority.pem()).unwrap();
    }
    let with = |host: &str, mode: &str, root: &str| {
        let root = server.path(root).display().to_string();
        server.url(
            host,
            &format!("?sslmode={mode}&channel_binding=require&sslrootcert={root}"),
        )
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        for mode in ["verify-full", "verify-ca", "require"] {
            let raw = connect(&with("localhost", mode, "right.pem"))
                .await
                .expect(mode);
            let version = raw.read(|tx| {
                tx.query(
                    "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                    &[],
                )?
                .remove(0)
                .take::<String>()
            });
            assert_eq!(version.await.unwrap(), "TLSv1.3");
        }
        for (what, url, reason) in [
            (
                "another authority",
                with("localhost", "verify-full", "wrong.pem"),
                "UnknownIssuer",
            ),
            (
                "another authority",
                with("localhost", "require", "wrong.pem"),
                "UnknownIssuer",
            ),
            (
                "another host name",
                with("127.0.0.1", "verify-full", "right.pem"),
                "not valid for name",
            ),
            (
                "another host name",
                with("127.0.0.1", "require", "right.pem"),
                "not valid for name",
            ),
            (
                "the system's authorities",
                server.url("localhost", "?sslmode=verify-full"),
                "UnknownIssuer",
            ),
        ] {
            let error = connect(&url).await.map(drop).expect_err(what).to_string();
            assert!(
                error.contains(reason) || error.contains("trusts no"),
                "{what}: {error}"
            );
            assert!(!error.contains("test-only"), "{error}");
        }
        // Plain text: the server refuses it here, and elsewhere we do.
        let plain = connect(&server.url("localhost", "?sslmode=disable"))
            .await
            .map(drop);
        assert!(plain.unwrap_err().to_string().contains("28000"));
        assert_eq!(
            Options::parse(&server.url("localhost", "")).unwrap().tls,
            Tls::Disabled
        );
    });
}

#[test]
fn a_server_without_tls_is_refused() {
    let Some(server) = Server::start() else {
        return;
    };
    std::fs::write(server.path("right.pem"), authority("right").pem()).unwrap();
    let root = server.path("right.pem").display().to_string();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let url = server.url("localhost", &format!("?sslmode=require&sslrootcert={root}"));
        let error = connect(&url).await.map(drop).unwrap_err().to_string();
        assert!(error.contains("server does not support TLS"), "{error}");
    });
}

#[test]
fn plain_text_to_another_machine_needs_the_operators_word() {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        // An address that leads nowhere (RFC 5737).
        let url = "postgres://u:hunter2@192.0.2.1/d?sslmode=disable&connect_timeout=1";
        let error = connect(url).await.map(drop).unwrap_err();
        assert!(matches!(&error, StoreError::Internal(text) if text.contains("verify-full")));
        let mut options = Options::parse(url).unwrap();
        options.plaintext_allowed = true;
        options.unavailable_after = Duration::ZERO;
        let error = PostgresDriver::connect(options).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    });
}

#[test]
fn an_authority_file_that_holds_none_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        for (path, reason) in [
            (empty, "no certificate"),
            (directory.path().join("no.pem"), "no.pem"),
        ] {
            let url = format!("postgres://u@db.invalid/d?sslrootcert={}", path.display());
            let error = connect(&url).await.map(drop).unwrap_err();
            assert!(
                matches!(&error, StoreError::Internal(text) if text.contains(reason)),
                "{error}"
            );
        }
    });
}
