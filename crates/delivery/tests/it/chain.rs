//! Providers asked in order, against real servers.

use doorward_delivery::provider::{
    Chain, Provider, ProviderKind, ProviderSecrets, WebhookSettings,
};
use doorward_delivery::sender::{Networks, Step};
use doorward_domain::secret::SecretText;
use doorward_domain::time::plus_seconds;

use crate::messages::{message, now};
use crate::web_server::{Answer, WebServer};

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
    let carried = chain.send(&message(PHONE), 1).await;
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
        let carried = chain.send(&message, 1).await;
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
    let carried = chain.send(&message, 1).await;
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
    let carried = chain.send(&message, 2).await;
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
        assert!(chain.send(&message, 1).await.result.is_ok());
    }
    assert_eq!(first.asked().len(), 5);
    assert!(chain.send(&message, 1).await.result.is_ok());
    assert!(first.asked().is_empty(), "its circuit is open");
    message.now = plus_seconds(now(), 31);
    assert_eq!(
        chain.send(&message, 1).await.provider.as_deref(),
        Some("first")
    );
    assert_eq!(
        chain.send(&message, 1).await.provider.as_deref(),
        Some("first")
    );
}

#[tokio::test]
async fn when_every_circuit_is_open_all_are_asked() {
    let only = WebServer::start().await;
    let chain = chain(&[only.port]);
    let message = message(PHONE);
    for _ in 0..6 {
        only.will(Answer::With(503, ""));
        assert!(chain.send(&message, 1).await.result.is_err());
    }
    assert!(chain.send(&message, 1).await.result.is_ok());
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
    let error = chain.send(&message(PHONE), 1).await.result.unwrap_err();
    assert_eq!(error.step(), Step::Resolve, "{error}");
    assert!(server.asked().is_empty());
}
