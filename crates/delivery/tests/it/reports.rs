//! What providers report later: only their own word counts.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use doorward_delivery::sender::{
    Fate, HttpOptions, Report, Said, Sender, TwilioFrom, TwilioOptions, TwilioSender,
    WebhookOptions, WebhookSender,
};
use doorward_domain::contact::Channel;
use doorward_domain::secret::{SecretText, hex};
use doorward_domain::time::plus_seconds;
use doorward_domain::{OutboxId, Timestamp};
use reqwest::header::{HeaderMap, HeaderName};

use crate::messages::{message, now, outbox_id};
use crate::web_server::{WebServer, quick};

const URL: &str = "https://auth.example.com/apps/1/delivery/receipts/abc";
const TOKEN: &str = "the-auth-token";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn twilio(api_key_sid: Option<&str>, server: &WebServer) -> TwilioSender {
    TwilioSender::new(TwilioOptions {
        account_sid: "AC0123".to_owned(),
        api_key_sid: api_key_sid.map(str::to_owned),
        secret: SecretText::new(TOKEN),
        from: TwilioFrom::Number("+15005550006".to_owned()),
        base_url: server.url(""),
        http: quick(),
    })
    .unwrap()
}

fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    pairs.collect()
}

/// As Twilio signs: `fields` in any order.
fn twilio_signature(url: &str, fields: &[(&str, &str)]) -> String {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    let signed = fields.iter().fold(url.to_owned(), |all, (name, value)| {
        format!("{all}{name}{value}")
    });
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()))
}

fn twilio_body(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields).finish().into_bytes()
}

fn read(sender: &dyn Sender, headers: &HeaderMap, body: &[u8], id: OutboxId) -> Option<Said> {
    let report = Report {
        url: URL,
        headers,
        body,
        message: id,
        now: now(),
    };
    sender.read_report(Channel::Sms, &report)
}

#[tokio::test]
async fn twilio_is_told_where_to_report_and_believed_by_its_signature() {
    let server = WebServer::start().await;
    let sender = twilio(None, &server);
    assert!(sender.reports(Channel::Sms) && !sender.reports(Channel::Email));
    let mut message = message("+14155552671");
    message.report_url = Some(URL.to_owned());
    sender.send(&message).await.unwrap();
    let asked = server.asked_once();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&asked.body)
        .into_owned()
        .collect();
    assert!(form.contains(&("StatusCallback".to_owned(), URL.to_owned())));

    for (status, code, fate) in [
        ("queued", None, Fate::OnItsWay),
        ("sent", None, Fate::OnItsWay),
        ("something-new", None, Fate::OnItsWay),
        ("delivered", None, Fate::Delivered),
        ("undelivered", Some("30003"), Fate::Failed),
        ("failed", Some("30008"), Fate::Failed),
        ("failed", None, Fate::Failed),
        ("undelivered", Some("30006"), Fate::Rejected),
        ("failed", Some("21610"), Fate::Rejected),
    ] {
        let mut fields = vec![
            ("To", "+14155552671"),
            ("AccountSid", "AC0123"),
            ("MessageStatus", status),
            ("MessageSid", "SM42"),
            ("New", "Grüße & =+"),
        ];
        fields.extend(code.map(|code| ("ErrorCode", code)));
        let (body, good) = (twilio_body(&fields), twilio_signature(URL, &fields));
        let signed = headers(&[("x-twilio-signature", good.clone())]);
        let said = read(&sender, &signed, &body, message.id).unwrap();
        assert_eq!(said.fate, fate, "{status}");
        assert_eq!(said.provider_id.as_deref(), Some("SM42"));
        assert_eq!(said.code.as_deref(), code);

        // With the port, as it may have called it.
        let with_port = URL.replace(".com/", ".com:443/");
        let signature = twilio_signature(&with_port, &fields);
        let signed = headers(&[("x-twilio-signature", signature)]);
        assert!(read(&sender, &signed, &body, message.id).is_some());

        let elsewhere = twilio_signature("https://auth.example.com/", &fields);
        let mut other = fields.clone();
        other[2] = ("MessageStatus", "delivered?");
        for (what, pairs, body) in [
            ("unsigned", vec![], body.clone()),
            (
                "not base64",
                vec![("x-twilio-signature", "!".to_owned())],
                body.clone(),
            ),
            (
                "cut",
                vec![("x-twilio-signature", good[4..].to_owned())],
                body.clone(),
            ),
            (
                "another URL",
                vec![("x-twilio-signature", elsewhere)],
                body.clone(),
            ),
            (
                "another body",
                vec![("x-twilio-signature", good.clone())],
                twilio_body(&other),
            ),
        ] {
            assert_eq!(
                read(&sender, &headers(&pairs), &body, message.id),
                None,
                "{what}"
            );
        }
        let mut twice = headers(&[("x-twilio-signature", good.clone())]);
        twice.append("x-twilio-signature", good.parse().unwrap());
        assert_eq!(read(&sender, &twice, &body, message.id), None, "twice");
        // Whoever knows the API key's secret does not know what Twilio signs with, nor do we.
        let by_key = twilio(Some("SK77"), &server);
        assert_eq!(read(&by_key, &signed, &body, message.id), None);
    }
    let by_key = twilio(Some("SK77"), &server);
    assert!(!by_key.reports(Channel::Sms));
    by_key.send(&message).await.unwrap();
    let asked = server.asked_once();
    assert!(!String::from_utf8_lossy(&asked.body).contains("StatusCallback"));
}

fn webhook(server: &WebServer) -> WebhookSender {
    WebhookSender::new(&WebhookOptions {
        url: server.url("/send"),
        secret: SecretText::new(SECRET),
        http: HttpOptions::default(),
    })
    .unwrap()
}

fn webhook_headers(at: Timestamp, body: &[u8]) -> HeaderMap {
    let timestamp = at.as_second().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signed = [timestamp.as_bytes(), b".", body].concat();
    let signature = format!("v1={}", hex(hmac::sign(&key, &signed).as_ref()));
    headers(&[
        ("doorward-timestamp", timestamp),
        ("doorward-signature", signature),
    ])
}

#[tokio::test]
async fn a_webhook_reports_as_it_is_written_to() {
    let server = WebServer::start().await;
    let sender = webhook(&server);
    let mut message = message("+14155552671");
    message.report_url = Some(URL.to_owned());
    sender.send(&message).await.unwrap();
    let asked = server.asked_once();
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body["report_url"], URL);

    let id = message.id;
    let report = |status: &str, more: &str| format!(r#"{{"id":"{id}","status":"{status}"{more}}}"#);
    for (status, more, fate, code) in [
        ("accepted", "", Fate::OnItsWay, None),
        ("delivered", r#","extra":[1]"#, Fate::Delivered, None),
        (
            "failed",
            r#","code":"e-7.x_1""#,
            Fate::Failed,
            Some("e-7.x_1"),
        ),
        (
            "failed",
            r#","code":"to +14155552671 kaputt""#,
            Fate::Failed,
            None,
        ),
        ("rejected", r#","code":null"#, Fate::Rejected, None),
    ] {
        let body = report(status, more).into_bytes();
        for skew in [-300, 0, 300] {
            let signed = webhook_headers(plus_seconds(now(), skew), &body);
            let said = read(&sender, &signed, &body, id).unwrap();
            assert_eq!((said.fate, said.code.as_deref()), (fate, code), "{status}");
        }
        for skew in [-301, 301] {
            let signed = webhook_headers(plus_seconds(now(), skew), &body);
            assert_eq!(read(&sender, &signed, &body, id), None, "{skew} s");
        }
        let signed = webhook_headers(now(), &body);
        assert_eq!(
            read(&sender, &signed, &body, outbox_id()),
            None,
            "of another message"
        );
        assert_eq!(read(&sender, &signed, &body[1..], id), None, "another body");
        let mut later = signed.clone();
        let moved = plus_seconds(now(), 60).as_second().to_string();
        later.insert("doorward-timestamp", moved.parse().unwrap());
        assert_eq!(read(&sender, &later, &body, id), None, "another time");
        for missing in ["doorward-timestamp", "doorward-signature"] {
            let mut less = signed.clone();
            less.remove(missing);
            assert_eq!(read(&sender, &less, &body, id), None, "{missing}");
        }
    }
    for nonsense in [
        report("sent", ""),
        report("delivered", r#","code":7"#),
        "[]".to_owned(),
        String::new(),
    ] {
        let signed = webhook_headers(now(), nonsense.as_bytes());
        assert_eq!(
            read(&sender, &signed, nonsense.as_bytes(), id),
            None,
            "{nonsense}"
        );
    }
    // What we sent ourselves says nothing, however well it is signed.
    let ours: HeaderMap = asked.headers.clone();
    assert_eq!(read(&sender, &ours, &asked.body, id), None);
}
