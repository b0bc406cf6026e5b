//! Providers asked in order, against real servers.

use std::sync::Arc;

use doorward_crypto::{Keyring, MasterKey};
use doorward_delivery::provider::{
    Attempt, Chain, Provider, ProviderKind, ProviderSecrets, Reports, SmtpSettings, WebhookSettings,
};
use doorward_delivery::sender::{Networks, SendError, Step};
use doorward_domain::OsRandom;
use doorward_domain::contact::Channel;
use doorward_domain::secret::SecretText;
use doorward_domain::time::plus_seconds;

use doorward_testkit::smtp::{MailServer, python};

use crate::messages::{app_id, message, now};
use crate::web_server::{Answer, Asked, WebServer};

/// The n-th attempt.
fn nth(number: u32) -> Attempt<'static> {
    Attempt {
        number,
        tried: &[],
        reports: None,
    }
}

const PHONE: &str = "+14155552671";

fn chain(ports: &[u16]) -> Chain {
    let names = ["first", "second", "third"];
    let providers = names.iter().zip(ports).map(|(id, port)| Provider {
        id: (*id).to_owned(),
        kind: ProviderKind::Webhook(WebhookSettings {
            url: format!("http://127.0.0.1:{port}/").parse().unwrap(),
        }),
        secret_set_at: None,
    });
    let secrets: ProviderSecrets = names
        .iter()
        .map(|id| ((*id).to_owned(), SecretText::new("k".repeat(32))))
        .collect();
    let loopback = Networks::public_and(vec!["127.0.0.0/8".parse().unwrap()]);
    Chain::new(providers.collect(), &secrets, &loopback)
}

#[tokio::test]
async fn the_first_that_takes_it_gets_it_alone() {
    let (first, second) = (WebServer::start().await, WebServer::start().await);
    let chain = chain(&[first.port, second.port]);
    let carried = chain.send(&message(PHONE), nth(1)).await;
    assert!(carried.result.is_ok());
    assert_eq!(carried.provider.as_deref(), Some("first"));
    assert_eq!((first.asked().len(), second.asked().len()), (1, 0));
}

#[tokio::test]
async fn what_was_surely_not_taken_goes_to_the_next_at_once() {
    let (first, second) = (WebServer::start().await, WebServer::start().await);
    // A port that nobody listens on.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().port();
    drop(closed);
    let chain = chain(&[nobody, first.port, second.port]);
    for answer in [
        Answer::With(503, ""),
        Answer::Limited("5"),
        Answer::With(400, ""),
        Answer::With(401, ""),
    ] {
        first.will(answer.clone());
        let message = message(PHONE);
        let carried = chain.send(&message, nth(1)).await;
        assert!(carried.result.is_ok(), "{answer:?}");
        assert_eq!(carried.provider.as_deref(), Some("third"));
        let failed: Vec<_> = carried.before.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(failed, ["first", "second"]);
        assert_eq!(carried.before[0].1, Step::Connect);
        // The same name everywhere, by which the other side can tell a repetition.
        let id = message.id.to_string();
        assert_eq!(first.asked_once().header("idempotency-key"), id);
        assert_eq!(second.asked_once().header("idempotency-key"), id);
    }
}

#[tokio::test]
async fn of_what_broke_off_the_same_provider_is_asked_again_first() {
    let (first, second) = (WebServer::start().await, WebServer::start().await);
    let chain = chain(&[first.port, second.port]);
    let message = message(PHONE);
    first.will(Answer::With(500, ""));
    let carried = chain.send(&message, nth(1)).await;
    let error = carried.result.unwrap_err();
    assert_eq!(
        (error.step(), carried.provider.as_deref()),
        (Step::Exchange, Some("first"))
    );
    assert!(
        second.asked().is_empty(),
        "nobody knows whether it was taken"
    );
    first.will(Answer::With(500, ""));
    let carried = chain.send(&message, nth(2)).await;
    assert!(carried.result.is_ok());
    assert_eq!(carried.provider.as_deref(), Some("second"));
    assert_eq!(carried.before, [("first".to_owned(), Step::Exchange)]);
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_left_alone_for_a_while() {
    let (first, second) = (WebServer::start().await, WebServer::start().await);
    let chain = chain(&[first.port, second.port]);
    let mut message = message(PHONE);
    for _ in 0..5 {
        first.will(Answer::With(503, ""));
        assert!(chain.send(&message, nth(1)).await.result.is_ok());
    }
    assert_eq!(first.asked().len(), 5);
    assert!(chain.send(&message, nth(1)).await.result.is_ok());
    assert!(first.asked().is_empty(), "its circuit is open");
    message.now = plus_seconds(now(), 31);
    assert_eq!(
        chain.send(&message, nth(1)).await.provider.as_deref(),
        Some("first")
    );
    assert_eq!(
        chain.send(&message, nth(1)).await.provider.as_deref(),
        Some("first")
    );
}

#[tokio::test]
async fn when_every_circuit_is_open_nobody_is_asked() {
    let only = WebServer::start().await;
    let chain = chain(&[only.port]);
    let mut message = message(PHONE);
    for _ in 0..5 {
        only.will(Answer::With(503, ""));
        assert!(chain.send(&message, nth(1)).await.result.is_err());
    }
    assert_eq!(only.asked().len(), 5);
    // However the server would hang: it costs nothing, and says when it is worth asking again.
    only.will(Answer::Never);
    let begun = std::time::Instant::now();
    let error = chain.send(&message, nth(2)).await.result.unwrap_err();
    assert!(begun.elapsed() < std::time::Duration::from_secs(1));
    let SendError::Temporary {
        retry_after, step, ..
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (retry_after.map(|wait| wait.as_secs()), step),
        (Some(30), Step::Connect)
    );
    assert!(only.asked().is_empty());
    // One tries; the others wait for it a moment, not another round.
    message.now = plus_seconds(now(), 31);
    let trying = {
        let (chain, message) = (&chain, message.clone());
        async move { chain.send(&message, nth(3)).await }
    };
    let mut trying = std::pin::pin!(trying);
    let waiting = async {
        while only.asked().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        chain.send(&message, nth(3)).await.result.unwrap_err()
    };
    let error = tokio::select! {
        _ = &mut trying => panic!("the server hangs"),
        error = waiting => error,
    };
    assert!(matches!(
        error,
        SendError::Temporary { retry_after: Some(wait), .. } if wait.as_secs() == 2
    ));
}

#[tokio::test]
async fn who_reported_a_failure_is_not_asked_again() {
    let (first, second) = (WebServer::start().await, WebServer::start().await);
    let chain = chain(&[first.port, second.port]);
    let master = MasterKey::generate(&OsRandom);
    let keyring = Arc::new(Keyring::new(master, Vec::new()));
    let reports = Reports::new("https://auth.example.com", keyring.clone());
    let message = message(PHONE);
    let attempt = |tried| Attempt {
        number: 2,
        tried,
        reports: Some(&reports),
    };
    let carried = chain.send(&message, attempt(&[])).await;
    assert!(carried.keep, "the second could take it");
    let url = |asked: Asked| -> String {
        let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
        body["report_url"].as_str().unwrap().to_owned()
    };
    let reference = |url: &str, provider: &str| {
        let base = format!(
            "https://auth.example.com/apps/{}/delivery/receipts/",
            app_id()
        );
        let named = keyring.open_message_reference(app_id(), url.strip_prefix(&base).unwrap());
        let named = named.unwrap();
        assert_eq!((named.message, named.channel), (message.id, Channel::Sms));
        assert_eq!(named.provider, provider);
    };
    reference(&url(first.asked_once()), "first");
    let tried = ["first".to_owned()];
    let carried = chain.send(&message, attempt(&tried)).await;
    assert_eq!(carried.provider.as_deref(), Some("second"));
    assert!(!carried.keep, "nobody is left");
    reference(&url(second.asked_once()), "second");
    let tried = ["first".to_owned(), "second".to_owned()];
    let error = chain
        .send(&message, attempt(&tried))
        .await
        .result
        .unwrap_err();
    assert!(matches!(error, SendError::Permanent { .. }), "{error}");
    assert!(first.asked().is_empty() && second.asked().is_empty());
    // Where nobody can be told where to report, nobody is.
    assert!(!chain.send(&message, nth(1)).await.keep);
    let body: serde_json::Value = serde_json::from_slice(&first.asked_once().body).unwrap();
    assert!(body.get("report_url").is_none());
}

#[tokio::test]
async fn hosts_inside_are_not_connected_to() {
    let server = WebServer::start().await;
    let provider = Provider {
        id: "inside".to_owned(),
        kind: ProviderKind::Webhook(WebhookSettings {
            // A name: it is looked up when a message is sent, and leads to this machine.
            url: format!("https://localhost:{}/", server.port)
                .parse()
                .unwrap(),
        }),
        secret_set_at: None,
    };
    let secrets = ProviderSecrets::from([("inside".to_owned(), SecretText::new("k".repeat(32)))]);
    let chain = Chain::new(vec![provider], &secrets, &Networks::default());
    let error = chain
        .send(&message(PHONE), nth(1))
        .await
        .result
        .unwrap_err();
    assert_eq!(error.step(), Step::Resolve, "{error}");
    assert!(server.asked().is_empty());
}

/// A mail server of an app's, on this machine.
fn smtp(id: &str, port: u16, change: impl FnOnce(&mut SmtpSettings)) -> Provider {
    let mut settings = SmtpSettings {
        host: "localhost".to_owned(),
        port,
        tls: "none".to_owned(),
        username: None,
        from_address: "no-reply@shop.example".to_owned(),
        from_name: Some("Shop".to_owned()),
        reply_to: Some("help@shop.example".to_owned()),
    };
    change(&mut settings);
    Provider {
        id: id.to_owned(),
        kind: ProviderKind::Smtp(settings),
        secret_set_at: None,
    }
}

#[tokio::test]
async fn an_apps_mail_server_is_tried_and_the_failing_step_named() {
    let Some(python) = python() else {
        return;
    };
    let server = MailServer::start(&python, &[]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().port();
    drop(closed);
    let secrets = ProviderSecrets::from([("login".to_owned(), SecretText::new("p4ss"))]);
    let inside = Networks::public_and(vec![
        "127.0.0.0/8".parse().unwrap(),
        "::1/128".parse().unwrap(),
    ]);
    let outcome = async |provider: Provider, networks: &Networks, to: &str| {
        let chain = Chain::new(vec![provider], &secrets, networks);
        let (id, result) = chain.try_each(&message(to)).await.remove(0);
        assert!(!format!("{result:?}").contains("p4ss"), "{id}");
        result.map_err(|error| error.step())
    };
    let ada = "ada@example.com";
    assert!(
        outcome(smtp("good", server.port, |_| ()), &inside, ada)
            .await
            .is_ok()
    );
    let mail = server.received();
    assert_eq!(mail.header("From"), "Shop <no-reply@shop.example>");
    assert_eq!(mail.header("Reply-To"), "help@shop.example");
    for (provider, to, step) in [
        (smtp("closed", nobody, |_| ()), ada, Step::Connect),
        (
            smtp("name", server.port, |smtp| {
                smtp.host = "no-such-host.invalid".to_owned();
                smtp.tls = "starttls".to_owned();
            }),
            ada,
            Step::Resolve,
        ),
        (
            smtp("plain", server.port, |smtp| {
                smtp.tls = "starttls".to_owned()
            }),
            ada,
            Step::Tls,
        ),
        (
            smtp("login", server.port, |smtp| {
                smtp.username = Some("door".to_owned())
            }),
            ada,
            Step::SignIn,
        ),
        (
            smtp("nobody", server.port, |_| ()),
            "permanent@example.com",
            Step::Recipient,
        ),
        (
            smtp("busy", server.port, |_| ()),
            "temporary@example.com",
            Step::Refused,
        ),
    ] {
        let id = provider.id.clone();
        assert_eq!(
            outcome(provider, &inside, to).await.unwrap_err(),
            step,
            "{id}"
        );
    }
    let outside = outcome(
        smtp("inside", server.port, |_| ()),
        &Networks::default(),
        ada,
    )
    .await;
    assert_eq!(outside.unwrap_err(), Step::Resolve);
    server.assert_nothing_received();
}
