//! The signed hook, against a local server that checks the signature by itself.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use aws_lc_rs::hmac;
use doorward_delivery::sender::{
    HttpOptions, OptionsError, SendError, Sender, Step, WebhookOptions, WebhookSender,
};
use doorward_domain::secret::SecretText;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

use crate::certificates::Certificates;
use crate::messages::{app_id, message, now};
use crate::web_server::{Answer, Asked, WebServer, quick};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn options(server: &WebServer) -> WebhookOptions {
    WebhookOptions {
        url: server.url("/hook?team=1"),
        secret: SecretText::new(SECRET),
        http: quick(),
    }
}

fn sender(server: &WebServer) -> WebhookSender {
    WebhookSender::new(&options(server)).unwrap()
}

/// What a receiver has to do, written from the documentation.
fn signature_is_right(asked: &Asked, secret: &str) -> bool {
    let signature = asked
        .header("doorward-signature")
        .strip_prefix("v1=")
        .unwrap();
    let bytes: Vec<u8> = (0..signature.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap())
        .collect();
    let mut signed = asked.header("doorward-timestamp").as_bytes().to_vec();
    signed.push(b'.');
    signed.extend_from_slice(&asked.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, &signed, &bytes).is_ok()
}

#[tokio::test]
async fn posts_signed_json() {
    let server = WebServer::start().await;
    let message = message("+14155552671");
    sender(&server).send(&message).await.unwrap();

    let asked = server.asked_once();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str()),
        ("POST", "/hook?team=1")
    );
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("idempotency-key"), message.id.to_string());
    assert_eq!(
        asked.header("doorward-timestamp"),
        now().as_second().to_string()
    );
    assert!(signature_is_right(&asked, SECRET));
    assert!(!signature_is_right(
        &asked,
        "another secret of thirty-two chars"
    ));
    let mut altered = asked.clone();
    altered.body = [&asked.body[..], b" "].concat().into();
    assert!(!signature_is_right(&altered, SECRET));
    assert_eq!(
        serde_json::from_slice::<Value>(&asked.body).unwrap(),
        json!({
            "id": message.id, "channel": "sms", "to": "+14155552671",
            "text": "204060 is your code.\n", "subject": null, "html": null, "code": "204060",
            "app_id": app_id(), "created_at": "2026-03-04T05:06:05.000Z",
        })
    );
}

#[tokio::test]
async fn carries_email_too_and_leaves_out_a_code_that_is_not_there() {
    let server = WebServer::start().await;
    let mut message = message("ada@example.com");
    message.content.code = None;
    sender(&server).send(&message).await.unwrap();
    let body: Value = serde_json::from_slice(&server.asked_once().body).unwrap();
    assert_eq!(body["channel"], "email");
    assert_eq!(body["subject"], "Your code");
    assert_eq!(body["html"], "<p>204060 is your code.</p>\n");
    assert!(body.get("code").is_none());
}

#[tokio::test]
async fn another_attempt_has_the_same_key_and_a_fresh_signature() {
    let server = WebServer::start().await;
    let (sender, mut message) = (sender(&server), message("+14155552671"));
    server.will(Answer::With(500, ""));
    sender.send(&message).await.unwrap_err();
    message.now = doorward_domain::time::plus_seconds(now(), 90);
    sender.send(&message).await.unwrap();
    let asked = server.asked();
    assert_eq!(
        asked[0].header("idempotency-key"),
        asked[1].header("idempotency-key")
    );
    assert_eq!(asked[0].body, asked[1].body);
    assert_ne!(
        asked[0].header("doorward-signature"),
        asked[1].header("doorward-signature")
    );
    assert!(asked.iter().all(|asked| signature_is_right(asked, SECRET)));
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let server = WebServer::start().await;
    let sender = sender(&server);
    let answered = |status: u16| format!("the webhook answered {status}");
    for (answer, wanted) in [
        (Answer::With(500, "x"), SendError::temporary(answered(500))),
        (Answer::With(502, "x"), SendError::temporary(answered(502))),
        (
            Answer::With(429, "x"),
            SendError::temporary(answered(429)).at(Step::Refused),
        ),
        (Answer::With(400, "x"), SendError::permanent(answered(400))),
        (Answer::With(410, "x"), SendError::permanent(answered(410))),
        (
            Answer::Endless(503),
            SendError::temporary(answered(503)).at(Step::Refused),
        ),
        (
            Answer::Never,
            SendError::temporary("the webhook did not answer in time"),
        ),
    ] {
        server.will(answer.clone());
        assert_eq!(
            sender.send(&message("+14155552671")).await.unwrap_err(),
            wanted,
            "{answer:?}"
        );
        server.asked_once();
    }
    for answer in [Answer::With(204, ""), Answer::Endless(200), Answer::Cut] {
        server.will(answer.clone());
        assert!(
            sender.send(&message("+14155552671")).await.is_ok(),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = WebServer::start().await;
    let sender = sender(&server);
    for status in [301, 302, 303, 307, 308] {
        server.will(Answer::Redirect(status, "/elsewhere"));
        let error = sender.send(&message("+14155552671")).await.unwrap_err();
        assert_eq!(
            error,
            SendError::permanent(format!("the webhook answered {status}"))
        );
        assert_eq!(server.asked_once().path, "/hook?team=1");
    }
}

#[tokio::test]
async fn unsafe_options_are_refused() {
    let server = WebServer::start().await;
    let at = |url: &str| {
        WebhookSender::new(&WebhookOptions {
            url: url.parse().unwrap(),
            ..options(&server)
        })
    };
    for good in [
        "https://hooks.example.com/x",
        "http://localhost:9/x",
        "http://[::1]/x",
        "http://127.0.0.1/",
    ] {
        assert!(at(good).is_ok(), "{good}");
    }
    for bad in [
        "http://hooks.example.com/x",
        "http://localhost.example.com/",
        "http://10.0.0.1/",
        "https://u:p@hooks.example.com/",
        "file:///etc/passwd",
    ] {
        let error = at(bad).err().unwrap();
        assert!(!error.to_string().contains("example.com"), "{error}");
    }
    let short = WebhookOptions {
        secret: SecretText::new("short"),
        ..options(&server)
    };
    let error: OptionsError = WebhookSender::new(&short).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the webhook secret must have at least 32 characters"
    );
    let named = WebhookOptions {
        url: "http://hooks.internal/".parse().unwrap(),
        http: HttpOptions {
            allow_plaintext: true,
            ..quick()
        },
        ..options(&server)
    };
    assert!(WebhookSender::new(&named).is_ok());
    assert!(!format!("{:?}", options(&server)).contains(SECRET));
}

/// Answers one HTTPS request after the other with 204, on a thread of its own; gives its port.
fn https_server(certificates: &Certificates) -> u16 {
    let chain = vec![CertificateDer::from(certificates.certificate.clone())];
    let key = PrivateKeyDer::Pkcs8(certificates.key.clone().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream);
            // A handshake that the client breaks off fails here.
            if tls.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                let _ = tls.write_all(answer).and_then(|()| tls.flush());
                tls.conn.send_close_notify();
                let _ = tls.flush();
            }
        }
    });
    port
}

#[tokio::test]
async fn the_other_sides_certificate_is_verified() {
    let certificates = Certificates::new();
    let port = https_server(&certificates);
    let send = async |host: &str, authority: Option<&Certificates>| {
        let http = HttpOptions {
            extra_ca_pem: authority.map(|trusted| trusted.authority.clone().into_bytes()),
            ..HttpOptions::default()
        };
        let url = format!("https://{host}:{port}/hook").parse().unwrap();
        let options = WebhookOptions {
            url,
            secret: SecretText::new(SECRET),
            http,
        };
        WebhookSender::new(&options)
            .unwrap()
            .send(&message("+14155552671"))
            .await
    };
    assert!(send("localhost", Some(&certificates)).await.is_ok());
    let refused =
        Err(SendError::temporary("the TLS handshake with the webhook failed").at(Step::Tls));
    assert_eq!(
        send("localhost", None).await,
        refused,
        "an authority that nobody named"
    );
    assert_eq!(
        send("localhost", Some(&Certificates::new())).await,
        refused,
        "another authority"
    );
    assert_eq!(
        send("127.0.0.1", Some(&certificates)).await,
        refused,
        "another host"
    );
}

#[tokio::test]
async fn a_bad_ca_file_is_refused() {
    let server = WebServer::start().await;
    for junk in [&b"junk"[..], b""] {
        let http = HttpOptions {
            extra_ca_pem: Some(junk.to_vec()),
            ..quick()
        };
        assert!(
            WebhookSender::new(&WebhookOptions {
                http,
                ..options(&server)
            })
            .is_err()
        );
    }
}
