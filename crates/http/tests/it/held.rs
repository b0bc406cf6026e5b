//! Every column of every table: what it holds of a person is in the export, or it is said why not.

use std::collections::BTreeSet;

use doorward_testkit::on_both_engines;

use crate::erasure::{live, read_out};
use crate::front::Front;

/// `table: columns -> kind.name`, in the export under that name; `table: columns - why not`. A column
/// that no line names fails the test: whoever adds one says here what it is to a person.
const HELD: &str = "
users: id -> user.user_id
users: status -> user.status
users: email -> user.email
users: email_verified_at -> user.email_verified_at
users: phone -> user.phone
users: phone_verified_at -> user.phone_verified_at
users: created_at -> user.created_at
users: updated_at -> user.updated_at
users: deleted_at -> user.deleted_at
users: erased_at -> user.erased_at
users: email_canonical - follows from the address
users: purge_after status_before - follow from the deletion
users: version app_id - say nothing of a person
sessions: id -> session.session_id
sessions: tenant_id -> session.tenant_id
sessions: generation -> session.refreshes
sessions: amr -> session.amr
sessions: ip -> session.ip
sessions: user_agent -> session.user_agent
sessions: created_at -> session.created_at
sessions: last_used_at -> session.last_used_at
sessions: expires_at -> session.expires_at
sessions: ended_at -> session.ended_at
sessions: end_reason -> session.end_reason
sessions: user_id - it is the export's user
sessions: nonce_hash - a secret
sessions: auth_time absolute_expires_at dead_after_day - follow from its creation and its last use
sessions: epoch app_id - say nothing of a person
memberships: tenant_id -> membership.tenant_id
memberships: joined_at -> membership.joined_at
memberships: user_id app_id - it is the export's user
organizations: name -> membership.name
organizations: app_id id version created_at updated_at archived_at - not a person's
role_assignments: role -> membership.roles
role_assignments: app_id tenant_id user_id custom_role assigned_at - as its membership
licenses: id -> license.license_id
licenses: key_hint -> license.key_hint
licenses: label -> license.label
licenses: issued_to -> license.issued_to
licenses: tenant_id -> license.tenant_id
licenses: status -> license.status
licenses: expires_at -> license.expires_at
licenses: metadata -> license.metadata
licenses: created_at -> license.created_at
licenses: user_id - it is the export's user, or the licence was issued to the address
licenses: key_hash sealed_key - a secret
licenses: status_reason status_changed_at updated_at - the events of the licence say so
licenses: max_activations activations_used entitlements version app_id - the terms, not a person's
license_activations: id -> device.activation_id
license_activations: license_id -> device.license_id
license_activations: device_label -> device.label
license_activations: created_at -> device.created_at
license_activations: last_seen_at -> device.last_seen_at
license_activations: released_at -> device.released_at
license_activations: device_hash - a hash that leads back to nothing
license_activations: release_reason slot_free_at file_until slot_returned app_id - the slot's, not a person's
otp_requests: id -> code.otp_request_id
otp_requests: purpose -> code.purpose
otp_requests: channel -> code.channel
otp_requests: contact_original -> code.contact
otp_requests: attempts -> code.wrong_attempts
otp_requests: created_at -> code.created_at
otp_requests: expires_at -> code.expires_at
otp_requests: used_at -> code.used_at
otp_requests: contact - follows from the address
otp_requests: user_id - it is the export's user, or it went to the address
otp_requests: code_hash - a secret
otp_requests: max_attempts locked_at voided_at app_id - how the code stands, no more than the attempts
one_time_secrets: purpose -> secret.purpose
one_time_secrets: created_at -> secret.created_at
one_time_secrets: expires_at -> secret.expires_at
one_time_secrets: used_at -> secret.used_at
one_time_secrets: secret_hash - a secret
one_time_secrets: id user_id details app_id - it is the export's user; details are empty for a reset
outbox: id -> message.message_id
outbox: channel -> message.channel
outbox: template -> message.template
outbox: state -> message.state
outbox: created_at -> message.created_at
outbox: finished_at -> message.finished_at
outbox: sealed - the message with its code, a secret
outbox: contact_ref user_id otp_request_id - lead to the person or the code, which has the address
outbox: attempts not_before lease_owner last_error expires_at provider provider_ref reported - the sending
outbox: reported_at tried sms_prefix app_id - the sending
audit_events: id -> audit_event.id
audit_events: at -> audit_event.at
audit_events: actor_type -> audit_event.actor_type
audit_events: action -> audit_event.action
audit_events: target_type -> audit_event.target_type
audit_events: target_id -> audit_event.target_id
audit_events: outcome -> audit_event.outcome
audit_events: reason -> audit_event.reason
audit_events: session_id -> audit_event.session_id
audit_events: details -> audit_event.details
audit_events: actor_id ip user_agent request_id app_id - the operator's or the backend's
audit_personal: ip -> audit_event.ip
audit_personal: contact -> audit_event.details
audit_personal: app_id event_id user_id contact_ref - lead to the person
refresh_replays: * - sealed answers with tokens, for a minute
revocations: * - ids of what was ended, for two hours; the events say so
rate_limits: * - counters under keyed hashes
idempotency_keys: * - sealed answers to operators, for a day
app_stats: * - sums
sms_usage: * - sums
sms_alarms: * - sums
admin_keys: * - operators'
app_roles: * - the app's
apps: * - the app's
delivery_settings: * - the app's
jobs: * - the deployment's
license_signing_keys: * - the app's
message_templates: * - the app's
platform_state: * - the deployment's
signing_keys: * - the deployment's
";

on_both_engines! {
    async fn every_column_is_read_out_or_it_is_said_why_not(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (user, _) = live(&front, &app).await;
        let items = read_out(&front, &format!("/admin/apps/{}/users/{user}", app.id)).await;
        let mut there = db.columns().await;
        there.retain(|(table, _)| !table.starts_with("_") && table != "schema_migrations");
        let mut named = BTreeSet::new();
        for line in HELD.trim().lines() {
            let (table, rest) = line.split_once(": ").expect(line);
            if let Some((column, place)) = rest.split_once(" -> ") {
                let (kind, name) = place.split_once('.').expect(line);
                let mut of_kind = items.iter().filter(|item| item["kind"] == kind);
                assert!(of_kind.any(|item| item["data"].get(name).is_some()), "{line}");
                assert!(named.insert((table.to_owned(), column.to_owned())), "{line}");
                continue;
            }
            let (columns, _) = rest.split_once(" - ").expect(line);
            let columns: Vec<String> = match columns {
                "*" => there.iter().filter(|it| it.0 == table).map(|it| it.1.clone()).collect(),
                some => some.split(' ').map(ToOwned::to_owned).collect(),
            };
            for column in columns {
                assert!(named.insert((table.to_owned(), column)), "twice: {line}");
            }
        }
        let missing: Vec<_> = there.difference(&named).collect();
        assert!(missing.is_empty(), "what are these to a person? {missing:?}");
        let gone: Vec<_> = named.difference(&there).collect();
        assert!(gone.is_empty(), "there are none of these: {gone:?}");
    }
}
