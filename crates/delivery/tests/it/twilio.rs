//! Twilio's HTTP, spoken to a local server.

use std::time::Duration;

use base64::Engine as _;
use doorward_delivery::sender::{
    HttpOptions, SendError, Sender, Step, TwilioFrom, TwilioOptions, TwilioSender,
};
use doorward_domain::secret::SecretText;

use crate::messages::message;
use crate::web_server::{Answer, WebServer, quick};

const TO: &str = "+14155552671";

fn options(server: &WebServer) -> TwilioOptions {
    TwilioOptions {
        account_sid: "AC0123".to_owned(),
        api_key_sid: None,
        secret: SecretText::new("the-auth-token"),
        from: TwilioFrom::Number("+15005550006".to_owned()),
        base_url: server.url(""),
        http: quick(),
    }
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn posts_the_form_with_basic_authentication() {
    let server = WebServer::start().await;
    server.will(Answer::With(201, r#"{"sid": "SM42", "status": "queued"}"#));
    let sender = TwilioSender::new(options(&server)).unwrap();
    let mut message = message(TO);
    message.content.text = "204060 & Grüße +1 = 100%\n\n@shop.example #204060".to_owned();
    let receipt = sender.send(&message).await.unwrap();
    assert_eq!(receipt.provider_id.as_deref(), Some("SM42"));

    let asked = server.asked_once();
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.path, "/2010-04-01/Accounts/AC0123/Messages.json");
    assert_eq!(
        asked.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    let basic = base64::engine::general_purpose::STANDARD.encode("AC0123:the-auth-token");
    assert_eq!(asked.header("authorization"), format!("Basic {basic}"));
    assert_eq!(
        form(&asked.body),
        [
            pair("To", TO),
            pair("From", "+15005550006"),
            pair("Body", &message.content.text),
            pair("ValidityPeriod", "300"),
        ]
    );
}

#[tokio::test]
async fn a_messaging_service_and_an_api_key() {
    let server = WebServer::start().await;
    let sender = TwilioSender::new(TwilioOptions {
        api_key_sid: Some("SK77".to_owned()),
        from: TwilioFrom::MessagingService("MG99".to_owned()),
        base_url: server.url("/proxy/"),
        ..options(&server)
    });
    sender.unwrap().send(&message(TO)).await.unwrap();
    let asked = server.asked_once();
    assert_eq!(
        asked.path,
        "/proxy/2010-04-01/Accounts/AC0123/Messages.json"
    );
    let basic = base64::engine::general_purpose::STANDARD.encode("SK77:the-auth-token");
    assert_eq!(asked.header("authorization"), format!("Basic {basic}"));
    let form = form(&asked.body);
    assert!(
        form.contains(&pair("MessagingServiceSid", "MG99")),
        "{form:?}"
    );
    assert!(!form.iter().any(|(name, _)| name == "From"));
}

#[tokio::test]
async fn statuses_are_told_apart_and_name_nobody() {
    let server = WebServer::start().await;
    let sender = TwilioSender::new(options(&server)).unwrap();
    let invalid = r#"{"code": 21211, "message": "The 'To' number +14155552671 is not valid."}"#;
    for (answer, wanted) in [
        (
            Answer::With(400, invalid),
            SendError::permanent("twilio answered 400, error 21211").at(Step::Recipient),
        ),
        (
            Answer::With(403, "no json"),
            SendError::permanent("twilio answered 403").at(Step::SignIn),
        ),
        (
            Answer::With(401, invalid),
            SendError::permanent("twilio refused the credentials (401)").at(Step::SignIn),
        ),
        (
            Answer::With(404, "{}"),
            SendError::permanent("twilio answered 404"),
        ),
        (
            Answer::With(500, invalid),
            SendError::temporary("twilio answered 500, error 21211"),
        ),
        (
            Answer::With(503, ""),
            SendError::temporary("twilio answered 503").at(Step::Refused),
        ),
        (
            Answer::With(408, ""),
            SendError::temporary("twilio answered 408"),
        ),
        (
            Answer::Redirect(307, "/elsewhere"),
            SendError::permanent("twilio answered 307"),
        ),
        (
            Answer::Endless(500),
            SendError::temporary("twilio answered 500"),
        ),
        (
            Answer::Never,
            SendError::temporary("twilio did not answer in time"),
        ),
    ] {
        server.will(answer.clone());
        assert_eq!(
            sender.send(&message(TO)).await.unwrap_err(),
            wanted,
            "{answer:?}"
        );
        // Nothing was followed and nothing asked twice.
        server.asked_once();
    }
    server.will(Answer::Limited("7"));
    assert_eq!(
        sender.send(&message(TO)).await.unwrap_err(),
        SendError::Temporary {
            reason: "twilio answered 429".into(),
            retry_after: Some(Duration::from_secs(7)),
            step: Step::Refused,
        }
    );
}

#[tokio::test]
async fn accepted_is_accepted_whatever_the_rest_looks_like() {
    let server = WebServer::start().await;
    let sender = TwilioSender::new(options(&server)).unwrap();
    let strange = r#"{"sid": "SM 42\n"}"#;
    for answer in [
        Answer::With(201, "not json"),
        Answer::With(201, strange),
        Answer::Endless(201),
        Answer::Cut,
    ] {
        server.will(answer.clone());
        let receipt = sender.send(&message(TO)).await.unwrap();
        assert_eq!(receipt.provider_id, None, "{answer:?}");
    }
}

#[tokio::test]
async fn nobody_listening_is_a_passing_trouble() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let server = WebServer::start().await;
    let base_url = format!("http://127.0.0.1:{port}").parse().unwrap();
    let sender = TwilioSender::new(TwilioOptions {
        base_url,
        ..options(&server)
    })
    .unwrap();
    let error = sender.send(&message(TO)).await.unwrap_err();
    assert_eq!(
        error,
        SendError::temporary("twilio could not be reached").at(Step::Connect)
    );
}

#[tokio::test]
async fn only_sms_and_only_safe_options() {
    let server = WebServer::start().await;
    let sender = TwilioSender::new(options(&server)).unwrap();
    let error = sender.send(&message("ada@example.com")).await.unwrap_err();
    assert_eq!(
        error,
        SendError::permanent("twilio sends SMS only").at(Step::Settings)
    );
    assert!(server.asked().is_empty());

    let at = |url: &str| TwilioOptions {
        base_url: url.parse().unwrap(),
        ..options(&server)
    };
    assert!(TwilioSender::new(at(TwilioOptions::BASE_URL)).is_ok());
    assert!(TwilioSender::new(at("http://api.twilio.com")).is_err());
    let excepted = HttpOptions {
        allow_plaintext: true,
        ..quick()
    };
    let named = TwilioOptions {
        http: excepted,
        ..at("http://sms.internal")
    };
    assert!(TwilioSender::new(named).is_ok());
    for bad in [
        "https://user:pass@api.twilio.com",
        "ftp://127.0.0.1",
        "data:text/plain,x",
    ] {
        assert!(TwilioSender::new(at(bad)).is_err(), "{bad}");
    }
    for sid in ["", "../Other", "AC/1"] {
        let bad = TwilioOptions {
            account_sid: sid.to_owned(),
            ..options(&server)
        };
        assert!(TwilioSender::new(bad).is_err(), "{sid}");
    }
    assert!(!format!("{:?}", options(&server)).contains("the-auth-token"));
}
