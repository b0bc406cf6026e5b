//! Things to put into a store.

use std::sync::atomic::{AtomicU64, Ordering};

use doorward_domain::app::{App, AppSettings, AppStatus, Slug};
use doorward_domain::audit::{Action, Actor, AuditEvent, Outcome, Target};
use doorward_domain::contact::{Channel, Contact, EmailAddress, PhoneNumber};
use doorward_domain::entitlement::Entitlements;
use doorward_domain::otp::Purpose;
use doorward_domain::outbox::{OutboxMessage, Reported};
use doorward_domain::revocation::{Revocation, Revoked};
use doorward_domain::session::Presented;
use doorward_domain::signing::SigningAlg;
use doorward_domain::sms::{AlarmKind, UsageUnit};
use doorward_domain::template::{Language, MessageName, StoredTemplate, TemplateKey, Words};
use doorward_domain::time::plus_seconds;
use doorward_domain::{
    ActivationId, AppId, Code, EventId, LicenseId, NodeId, OtpRequestId, OutboxId, RequestId,
    RevocationId, SessionId, TenantId, Timestamp, UserId,
};
use doorward_store::app::{
    Claim, NewLicense, NewOtpRequest, NewSession, NewUser, Report, Rotation, SmsAlarm, SmsPeriod,
    StoredDelivery, StoredLicenseKey,
};
use doorward_store::platform::{Handover, LeaseRequest};
use doorward_testkit::database::TestDatabase;
use uuid::Uuid;

use super::scope::{Platform, Scope};

/// A UUID nobody had before; they grow.
pub(crate) fn fresh() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    Uuid::from_u128((0x0190_0000_0000_7000_8000 << 48) | u128::from(next))
}

/// A point in time, by seconds from a fixed one that is no whole second.
pub(crate) fn at(seconds: i64) -> Timestamp {
    micros(seconds, 0)
}

/// A point in time, by seconds and microseconds.
pub(crate) fn micros(seconds: i64, micros: i64) -> Timestamp {
    Timestamp::from_microsecond(1_767_225_600_123_456 + seconds * 1_000_000 + micros)
        .expect("within the calendar")
}

/// 32 bytes that stand for a hash.
pub(crate) const fn hash(byte: u8) -> [u8; 32] {
    [byte; 32]
}

pub(crate) fn email(text: &str) -> Contact {
    Contact::Email(EmailAddress::parse(text).expect("an address"))
}

pub(crate) fn phone(text: &str) -> Contact {
    Contact::Phone(PhoneNumber::parse(text).expect("a number"))
}

/// An app that is not in any store yet.
pub(crate) fn new_app(slug: &str) -> App {
    App {
        id: AppId::from_uuid(fresh()),
        slug: Slug::parse(slug).expect("a slug"),
        name: format!("App {slug}"),
        status: AppStatus::Active,
        version: 1,
        session_epoch: 1,
        secret_hash: hash(0xA0),
        previous_secret: None,
        secret_rotated_at: at(0),
        settings: AppSettings::default(),
        roles: std::sync::Arc::default(),
        created_at: at(0),
        updated_at: at(0),
    }
}

/// The platform of a database.
pub(crate) fn platform(db: &TestDatabase) -> Platform {
    Platform(db.store())
}

/// A new app in the database.
pub(crate) async fn seed_app(db: &TestDatabase) -> Scope {
    let app = new_app(&format!("app-{}", fresh().as_u128() & 0xFFFF_FFFF));
    let id = app.id;
    assert!(platform(db).write(move |p| p.insert_app(&app)).await);
    Scope {
        store: db.store(),
        id,
    }
}

/// A new organization of an app, made at `at(0)`.
pub(crate) async fn seed_organization(app: &Scope) -> TenantId {
    let id = TenantId::from_uuid(fresh());
    app.write(move |app| app.insert_organization(id, "Organization", at(0)))
        .await;
    id
}

/// An entry about some session.
pub(crate) fn new_revocation(recorded_at: Timestamp, expires_at: Timestamp) -> Revocation {
    Revocation {
        id: RevocationId::from_uuid(fresh()),
        revoked: Revoked::Session(SessionId::from_uuid(fresh())),
        issued_until: recorded_at,
        recorded_at,
        expires_at,
    }
}

/// A new active user of an app, made at `at(0)`.
pub(crate) async fn seed_user(app: &Scope, contact: Contact) -> UserId {
    let new = new_user(contact);
    let id = new.id;
    assert!(app.write(move |app| app.insert_user(&new)).await);
    id
}

pub(crate) fn new_user(contact: Contact) -> NewUser {
    NewUser {
        id: UserId::from_uuid(fresh()),
        contact,
        created_at: at(0),
    }
}

/// A session that begins at `at(0)`, ends idle at `at(100)` and for good at `at(1000)`; its first
/// nonce hashes to `hash(1)`.
pub(crate) fn new_session(user_id: UserId) -> NewSession {
    NewSession {
        id: SessionId::from_uuid(fresh()),
        user_id,
        tenant_id: None,
        nonce_hash: hash(1),
        epoch: 1,
        amr: "otp".to_owned(),
        ip: None,
        user_agent: None,
        created_at: at(0),
        expires_at: at(100),
        absolute_expires_at: at(1000),
    }
}

/// Writes [`new_session`] and gives its first token.
pub(crate) async fn seed_session(app: &Scope, user_id: UserId) -> Presented {
    let new = new_session(user_id);
    let presented = first_token(new.id);
    app.write(move |app| app.insert_session(&new)).await;
    presented
}

/// The first token of a [`new_session`].
pub(crate) const fn first_token(session_id: SessionId) -> Presented {
    Presented {
        session_id,
        generation: 1,
        nonce_hash: hash(1),
    }
}

/// The exchange of a token at a time, against an app as it was created; the next nonce hashes to
/// the generation's number, so tokens of one session are (n, `hash(n)`).
pub(crate) fn rotation(presented: Presented, now: Timestamp) -> Rotation {
    Rotation {
        presented,
        new_nonce_hash: hash(u8::try_from(presented.generation + 1).expect("few generations")),
        app_version: 1,
        epoch: 1,
        now,
        expires_at: Timestamp::from_microsecond(now.as_microsecond() + 100_000_000)
            .expect("within the calendar"),
        tenant_id: None,
    }
}

/// A LOGIN request made at `at(0)`, dead at `at(300)`, with three attempts; its code hashes to
/// `hash(9)`.
pub(crate) fn new_otp(contact: Contact) -> NewOtpRequest {
    NewOtpRequest {
        id: OtpRequestId::from_uuid(fresh()),
        purpose: Purpose::Login,
        contact,
        user_id: None,
        code_hash: hash(9),
        max_attempts: 3,
        created_at: at(0),
        expires_at: at(300),
    }
}

/// Writes [`new_otp`].
pub(crate) async fn seed_otp(app: &Scope, contact: Contact) -> OtpRequestId {
    let new = new_otp(contact);
    let id = new.id;
    app.write(move |app| app.insert_otp_request(&new)).await;
    id
}

/// An event with every field filled.
pub(crate) fn new_event(app_id: Option<AppId>, action: Action) -> AuditEvent {
    AuditEvent {
        id: EventId::from_uuid(fresh()),
        at: micros(0, 1),
        app_id,
        actor: Actor::User(UserId::from_uuid(fresh())),
        action,
        target: Some(Target::new("session", fresh())),
        outcome: Outcome::Refused(Code::TokenReuse),
        ip: Some("2001:db8::1".parse().expect("an address")),
        user_agent: Some("Mozilla/5.0 (🦀; ünïcode)".to_owned()),
        request_id: Some(RequestId::from_uuid(fresh())),
        session_id: Some(SessionId::from_uuid(fresh())),
        details: Some(serde_json::json!({ "n": [1, null, "ß"] })),
        personal: None,
    }
}

/// Asks for messages that are due, for 30 seconds.
pub(crate) fn lease_request(
    channel: Channel,
    node: NodeId,
    now: Timestamp,
    limit: i64,
) -> LeaseRequest {
    LeaseRequest {
        channel,
        node,
        now,
        until: plus_seconds(now, 30),
        after: None,
        limit,
    }
}

/// A message written at `at(0)`, dead at `at(300)`.
pub(crate) fn new_message(app_id: AppId) -> OutboxMessage {
    OutboxMessage {
        id: OutboxId::from_uuid(fresh()),
        app_id,
        channel: Channel::Sms,
        template: "otp/LOGIN".to_owned(),
        sealed: vec![0, 255, 1],
        contact_ref: None,
        user_id: None,
        otp_request_id: None,
        sms_prefix: None,
        created_at: at(0),
        expires_at: at(300),
    }
}

/// Taken over by the app's provider `first`, which calls it `SM1`; what it carries is kept.
pub(crate) fn new_handover() -> Handover {
    Handover {
        provider: "first".to_owned(),
        provider_ref: Some("SM1".to_owned()),
        keep: true,
    }
}

/// What `first` reports about it at `at(10)`.
pub(crate) fn new_report(what: Reported) -> Report {
    Report {
        provider: "first".to_owned(),
        provider_ref: Some("SM1".to_owned()),
        what,
        reason: None,
        at: at(10),
    }
}

/// English words of the sign-in code by SMS, set at `at(0)`.
pub(crate) fn new_template() -> StoredTemplate {
    StoredTemplate {
        key: TemplateKey {
            name: MessageName::of(Purpose::Login),
            language: Language::english(),
            channel: Channel::Sms,
        },
        words: Words {
            text: "{{ code }}".to_owned(),
            ..Words::default()
        },
        version: 7,
        updated_at: at(0),
    }
}

/// The month that begins at `at(0)`, of Indian numbers.
pub(crate) fn new_period() -> SmsPeriod {
    SmsPeriod {
        unit: UsageUnit::Month,
        prefix: "+91".to_owned(),
        starts_at: at(0),
    }
}

/// A pumping alarm about Indian numbers, from `at(0)` to `at(100)`.
pub(crate) fn new_alarm() -> SmsAlarm {
    SmsAlarm {
        kind: AlarmKind::Pumping,
        prefix: "+91".to_owned(),
        raised_at: at(0),
        active_until: at(100),
        stops: true,
    }
}

/// A mail provider, set at `at(0)`.
pub(crate) fn new_delivery() -> StoredDelivery {
    StoredDelivery {
        channel: Channel::Email,
        providers: "[{\"id\":\"main\"}]".to_owned(),
        sealed: vec![1, 0, 255, 3, 4, 5],
        version: 7,
        updated_at: at(0),
    }
}

/// The active licence key of an app, made at `at(0)`.
pub(crate) fn new_license_key(kid: &str) -> StoredLicenseKey {
    StoredLicenseKey {
        kid: kid.to_owned(),
        alg: SigningAlg::EdDsa,
        public_der: (0..=255).collect(),
        sealed_private: Some(vec![7; 200]),
        created_at: at(0),
        retired_at: None,
    }
}

/// A licence with one slot and no end, made at `at(0)`, whose key nobody else has.
pub(crate) fn new_license() -> NewLicense {
    let id = fresh();
    let mut key_hash = [0xB0; 32];
    key_hash[..16].copy_from_slice(id.as_bytes());
    NewLicense {
        id: LicenseId::from_uuid(id),
        key: Some((key_hash, vec![0, 255, 2], "7Q2Z".to_owned())),
        label: None,
        issued_to: None,
        tenant_id: None,
        user_id: None,
        max_activations: 1,
        expires_at: None,
        entitlements: Entitlements::parse(&serde_json::json!({ "export": true })).expect("fine"),
        metadata: serde_json::Map::from_iter([("order".to_owned(), 7.into())]),
        created_at: at(0),
    }
}

/// Writes a [`new_license`] with that many slots; its id and the hash of its key.
pub(crate) async fn seed_license(app: &Scope, max_activations: i64) -> (LicenseId, [u8; 32]) {
    let new = NewLicense {
        max_activations,
        ..new_license()
    };
    let (id, key) = (new.id, new.key.clone().expect("it has a key").0);
    app.write(move |app| app.insert_license(&new)).await;
    (id, key)
}

/// A device that wants a slot; it hashes to `hash(device)` and is called after its number.
pub(crate) fn claim(license_id: LicenseId, device: u8, now: Timestamp) -> Claim {
    Claim {
        license_id,
        activation_id: ActivationId::from_uuid(fresh()),
        device_hash: hash(device),
        device_label: Some(format!("device {device}")),
        now,
    }
}
