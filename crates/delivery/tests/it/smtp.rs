//! SMTP against a real mail server.

use std::time::{Duration, Instant};

use doorward_delivery::sender::{
    SendError, Sender, SmtpCredentials, SmtpOptions, SmtpSender, SmtpTls, Step,
};
use doorward_domain::secret::SecretText;

use crate::certificates::Certificates;
use crate::messages::message;
use doorward_testkit::smtp::{MailServer, python};

/// Options for a server on loopback.
fn options(server: &MailServer, tls: SmtpTls) -> SmtpOptions {
    SmtpOptions {
        port: server.port,
        tls,
        hello_name: Some("client.test".to_owned()),
        timeout: Duration::from_secs(10),
        ..SmtpOptions::new("localhost", "no-reply@doorward.example")
    }
}

fn sender(options: &SmtpOptions) -> SmtpSender {
    SmtpSender::new(options).unwrap()
}

fn server(
    certificates: &Certificates,
    python: &std::ffi::OsStr,
    tls: &str,
    more: &[&str],
) -> MailServer {
    let (cert, key) = (certificates.path("cert.pem"), certificates.path("key.pem"));
    let mut arguments = vec!["--tls", tls, "--cert", &cert, "--key", &key];
    arguments.extend(more);
    MailServer::start(python, &arguments)
}

fn trust(certificates: &Certificates, mut options: SmtpOptions) -> SmtpOptions {
    options.extra_ca_pem = Some(certificates.authority.clone().into_bytes());
    options
}

fn credentials(password: &str) -> Option<SmtpCredentials> {
    let password = SecretText::new(password);
    Some(SmtpCredentials {
        username: "door".to_owned(),
        password,
    })
}

fn is_temporary(error: &SendError) -> bool {
    matches!(error, SendError::Temporary { .. })
}

#[tokio::test]
async fn plain_on_loopback_arrives_complete() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let mut options = options(&server, SmtpTls::None);
    options.reply_to = Some("help@doorward.example".to_owned());
    let message = message("Ada@example.com");
    let receipt = sender(&options).send(&message).await.unwrap();
    assert_eq!(receipt.provider_id.as_deref(), Some("4F1C5A2"));

    let mail = server.received();
    assert_eq!(mail.0["mail_from"], "no-reply@doorward.example");
    assert_eq!(mail.0["rcpt_tos"], serde_json::json!(["Ada@example.com"]));
    assert_eq!(mail.0["tls"], false);
    assert_eq!(mail.0["hello"], "client.test");
    assert_eq!(mail.0["defects"], serde_json::json!([]));
    assert_eq!(mail.header("From"), "My shop <no-reply@doorward.example>");
    assert_eq!(mail.header("To"), "Ada@example.com");
    assert_eq!(mail.header("Reply-To"), "help@doorward.example");
    assert_eq!(mail.header("Subject"), "Your code");
    assert_eq!(
        mail.header("Message-ID"),
        format!("<{}@doorward.example>", message.id)
    );
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    let date = mail.header("Date");
    assert!(date.starts_with("Wed, 04 Mar 2026 05:06:07 "), "{date}");
    assert!(
        mail.header("Content-Type")
            .starts_with("multipart/alternative")
    );
    assert_eq!(mail.part("text/plain"), message.content.text);
    assert_eq!(mail.part("text/html"), message.content.html.unwrap());
}

#[tokio::test]
async fn names_and_bodies_in_any_script_survive() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let sender = sender(&options(&server, SmtpTls::None));
    let long = "Größe 日本語 🔑 ".repeat(20);
    for name in [
        "Jörgs Bücher",
        "日本の店",
        "\"Q\" <a@b.c>, x; \\",
        long.trim(),
    ] {
        let mut message = message("ada@example.com");
        message.app_name = name.to_owned();
        message.content.subject = Some(format!("Ihr Code für {name}"));
        message.content.text = format!("{long}\n.\n..\nFrom here\n{}\n", "x".repeat(2000));
        message.content.html = Some(format!("<p>{long}</p>\n"));
        sender.send(&message).await.unwrap();
        let mail = server.received();
        assert_eq!(
            mail.0["from"],
            serde_json::json!([name, "no-reply@doorward.example"])
        );
        assert_eq!(mail.header("Subject"), message.content.subject.unwrap());
        assert_eq!(mail.part("text/plain"), message.content.text);
        assert_eq!(mail.part("text/html"), message.content.html.unwrap());
        let raw = mail.0["raw"].as_str().unwrap();
        assert!(raw.is_ascii() && raw.lines().all(|line| line.len() <= 998));
    }
}

#[tokio::test]
async fn an_address_in_any_script_is_sent_as_smtputf8() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    sender(&options(&server, SmtpTls::None))
        .send(&message("jörg@bücher.example"))
        .await
        .unwrap();
    let mail = server.received();
    assert_eq!(
        mail.0["rcpt_tos"],
        serde_json::json!(["jörg@xn--bcher-kva.example"])
    );
    assert_eq!(mail.0["smtp_utf8"], true);
}

#[tokio::test]
async fn no_header_can_be_injected() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let mut options = options(&server, SmtpTls::None);
    let plain = sender(&options);
    plain.send(&message("ada@example.com")).await.unwrap();
    let usual = server.received().header_names();

    for attack in [
        "x\r\nBcc: evil@example.net",
        "x\nBcc: evil@example.net",
        "x\rBcc: evil@example.net",
        "x\r\n\r\n<p>another body</p>",
        "x\u{2028}Bcc: evil@example.net",
        "x\u{85}Bcc: evil@example.net",
        "x\0\u{b}\u{c}\r\n Bcc: evil@example.net",
        "x> <evil@example.net>",
        "x\"\r\nBcc: evil@example.net",
        "=?utf-8?q?x=0D=0ABcc:_evil@example.net?=",
    ] {
        let mut message = message("ada@example.com");
        message.app_name = attack.to_owned();
        message.content.subject = Some(attack.to_owned());
        message.content.text = "a\r\n.\r\nRCPT TO:<evil@example.net>\r\n".to_owned();
        options.from_name = None;
        for sender in [
            &plain,
            &sender(&SmtpOptions {
                from_name: Some(attack.to_owned()),
                ..options.clone()
            }),
        ] {
            sender.send(&message).await.unwrap();
            let mail = server.received();
            assert_eq!(mail.header_names(), usual, "{attack:?}: {mail:?}");
            // Not even once a client has decoded them do names and subjects break a line.
            for text in [&mail.0["from"][0], &mail.0["subject"]] {
                let text = text.as_str().unwrap();
                assert!(
                    !text.contains(['\r', '\n', '\0', '\u{85}', '\u{2028}']),
                    "{text:?}"
                );
            }
            assert_eq!(
                mail.0["rcpt_tos"],
                serde_json::json!(["ada@example.com"]),
                "{attack:?}"
            );
            assert!(
                mail.header("From").ends_with("<no-reply@doorward.example>"),
                "{attack:?}"
            );
            assert_eq!(
                mail.part("text/html"),
                message.content.html.as_deref().unwrap()
            );
            assert!(
                mail.part("text/plain")
                    .contains("RCPT TO:<evil@example.net>")
            );
        }
    }
    server.assert_nothing_received();
}

#[tokio::test]
async fn starttls_with_the_right_authority_only() {
    let Some(python) = python() else {
        return;
    };
    let certificates = Certificates::new();
    let server = server(&certificates, &python, "starttls", &[]);
    let options = options(&server, SmtpTls::StartTls);
    let message = message("ada@example.com");

    sender(&trust(&certificates, options.clone()))
        .send(&message)
        .await
        .unwrap();
    assert_eq!(server.received().0["tls"], true);

    for wrong in [
        options.clone(),
        trust(&Certificates::new(), options.clone()),
        // Right authority, but the certificate is for `localhost`.
        SmtpOptions {
            host: "127.0.0.1".to_owned(),
            ..trust(&certificates, options.clone())
        },
    ] {
        let error = sender(&wrong).send(&message).await.unwrap_err();
        assert!(is_temporary(&error), "{error:?}");
        server.assert_nothing_received();
    }
}

#[tokio::test]
async fn starttls_is_never_left_out() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let error = sender(&options(&server, SmtpTls::StartTls))
        .send(&message("ada@example.com"))
        .await;
    assert_eq!(
        error.unwrap_err().reason(),
        "smtp: the server offers no STARTTLS"
    );
    server.assert_nothing_received();
}

#[tokio::test]
async fn implicit_tls_with_the_right_authority_only() {
    let Some(python) = python() else {
        return;
    };
    let certificates = Certificates::new();
    let server = server(&certificates, &python, "implicit", &[]);
    let options = options(&server, SmtpTls::Implicit);
    let message = message("ada@example.com");

    sender(&trust(&certificates, options.clone()))
        .send(&message)
        .await
        .unwrap();
    assert_eq!(server.received().0["tls"], true);

    for wrong in [options.clone(), trust(&Certificates::new(), options)] {
        let error = sender(&wrong).send(&message).await.unwrap_err();
        assert!(is_temporary(&error), "{error:?}");
        server.assert_nothing_received();
    }
}

#[tokio::test]
async fn login_right_and_wrong() {
    let Some(python) = python() else {
        return;
    };
    let certificates = Certificates::new();
    let login = ["--user", "door", "--password", "ward and more"];
    let server = server(&certificates, &python, "starttls", &login);
    let options = trust(&certificates, options(&server, SmtpTls::StartTls));
    let message = message("ada@example.com");

    let right = SmtpOptions {
        credentials: credentials("ward and more"),
        ..options.clone()
    };
    sender(&right).send(&message).await.unwrap();
    assert_eq!(server.received().0["login"], "door");

    let wrong = SmtpOptions {
        credentials: credentials("secret-wrong"),
        ..options.clone()
    };
    let error = sender(&wrong).send(&message).await.unwrap_err();
    assert_eq!(
        error,
        SendError::permanent("smtp: the server refused the credentials (535 5.7.8)")
            .at(Step::SignIn)
    );
    // A server that demands a login answers 530 to whoever brings none.
    let none = sender(&options).send(&message).await.unwrap_err();
    assert!(matches!(none, SendError::Permanent { .. }), "{none:?}");
    server.assert_nothing_received();
    assert!(!format!("{wrong:?}").contains("secret-wrong"));
}

#[tokio::test]
async fn refusals_are_told_apart_and_name_nobody() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let sender = sender(&options(&server, SmtpTls::None));
    let refused = |code: &str| format!("smtp: the server refused the message ({code})");
    for (to, wanted) in [
        (
            "temporary@example.com",
            SendError::temporary(refused("450 4.2.1")).at(Step::Refused),
        ),
        (
            "permanent@example.com",
            SendError::permanent(refused("550 5.1.1")).at(Step::Recipient),
        ),
        (
            "late@example.com",
            SendError::temporary(refused("451 4.3.0")).at(Step::Refused),
        ),
    ] {
        assert_eq!(sender.send(&message(to)).await.unwrap_err(), wanted, "{to}");
    }
    // None of that spoils the next message.
    sender.send(&message("ada@example.com")).await.unwrap();
    assert_eq!(server.received().header("To"), "ada@example.com");
    let error = sender.send(&message("+14155552671")).await.unwrap_err();
    assert_eq!(
        error,
        SendError::permanent("smtp sends e-mail only").at(Step::Settings)
    );
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let sender = sender(&options(&server, SmtpTls::None));
    let mut peers = std::collections::BTreeSet::new();
    for _ in 0..3 {
        sender.send(&message("ada@example.com")).await.unwrap();
        peers.insert(server.received().0["peer"].as_u64().unwrap());
    }
    assert_eq!(peers.len(), 1, "one connection for three messages");
}

#[tokio::test]
async fn a_broken_off_message_does_not_meet_the_next() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let mut options = options(&server, SmtpTls::None);
    options.timeout = Duration::from_millis(500);
    let sender = sender(&options);
    sender.send(&message("ada@example.com")).await.unwrap();
    let first = server.received();

    let begun = Instant::now();
    let error = sender
        .send(&message("stuck@example.com"))
        .await
        .unwrap_err();
    assert_eq!(error, SendError::temporary("smtp: the server was too slow"));
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Dropped by the caller at an awkward moment, as by the worker's own time-out.
    let dropped = message("stuck@example.com");
    drop(tokio::time::timeout(Duration::from_millis(100), sender.send(&dropped)).await);

    sender.send(&message("bob@example.com")).await.unwrap();
    let mail = server.received();
    assert_eq!(mail.0["rcpt_tos"], serde_json::json!(["bob@example.com"]));
    assert_eq!(mail.headers("To"), ["bob@example.com"]);
    assert_ne!(
        mail.0["peer"], first.0["peer"],
        "the broken connection is not used again"
    );
    server.assert_nothing_received();
}

#[tokio::test]
async fn a_server_that_went_away_is_a_passing_trouble() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let sender = sender(&options(&server, SmtpTls::None));
    sender.send(&message("ada@example.com")).await.unwrap();
    drop(server);
    let error = sender.send(&message("ada@example.com")).await.unwrap_err();
    assert_eq!(
        error,
        SendError::temporary("smtp: the connection failed").at(Step::Connect)
    );
}

#[tokio::test]
async fn options_that_are_unsafe_or_wrong_are_refused() {
    let good = SmtpOptions::new("mail.example.com", "no-reply@doorward.example");
    assert!(SmtpSender::new(&good).is_ok());
    for bad in [
        SmtpOptions {
            tls: SmtpTls::None,
            ..good.clone()
        },
        SmtpOptions {
            from_address: "nobody".to_owned(),
            ..good.clone()
        },
        SmtpOptions {
            from_address: "a@b.example\r\nBcc: c@d.example".to_owned(),
            ..good.clone()
        },
        SmtpOptions {
            reply_to: Some("nobody".to_owned()),
            ..good.clone()
        },
        SmtpOptions {
            hello_name: Some("a b".to_owned()),
            ..good.clone()
        },
        SmtpOptions {
            extra_ca_pem: Some(b"junk".to_vec()),
            ..good.clone()
        },
    ] {
        assert!(SmtpSender::new(&bad).is_err(), "{bad:?}");
    }
}

/// A server that greets with `greeting`, answers EHLO with `hello`, and goes on saying `more` for as
/// long as anybody listens. Gives the bytes it got rid of.
async fn talkative(
    greeting: &'static str,
    hello: &'static str,
    more: &'static [u8],
) -> (u16, tokio::task::JoinHandle<usize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(greeting.as_bytes()).await.unwrap();
        if !hello.is_empty() {
            let mut line = [0; 512];
            let _ = stream.read(&mut line).await.unwrap();
            stream.write_all(hello.as_bytes()).await.unwrap();
        }
        let chunk = more.repeat(8192 / more.len());
        let mut said = 0;
        while stream.write_all(&chunk).await.is_ok() {
            said += chunk.len();
        }
        said
    });
    (port, said)
}

#[tokio::test]
async fn a_server_that_never_stops_talking_is_cut_off() {
    for (what, greeting, hello, more) in [
        ("a line without end", "220 ", "", &b"a"[..]),
        ("a greeting of lines", "220-x\r\n", "", b"220-more\r\n"),
        (
            "an answer of lines",
            "220 x\r\n",
            "250-x\r\n",
            b"250-SIZE 1\r\n",
        ),
        ("a line of an answer", "220 x\r\n", "250-", b"a"),
    ] {
        let (port, said) = talkative(greeting, hello, more).await;
        let sender = SmtpSender::new(&SmtpOptions {
            port,
            tls: SmtpTls::None,
            ..SmtpOptions::new("127.0.0.1", "a@shop.example")
        })
        .unwrap();
        let begun = Instant::now();
        let error = sender.send(&message("ada@example.com")).await.unwrap_err();
        assert!(
            matches!(error, SendError::Temporary { .. }),
            "{what}: {error}"
        );
        // Long before its deadline of 20 seconds, and with little more read than what the sockets
        // of both sides hold.
        assert!(begun.elapsed() < Duration::from_secs(15), "{what}");
        let said = said.await.unwrap();
        assert!(said < 16 * 1024 * 1024, "{what}: {said}");
    }
}
