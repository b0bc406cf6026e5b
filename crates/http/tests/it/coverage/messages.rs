//! Operations on an app's words and providers.

use doorward_domain::AppId;
use doorward_domain::scope::Scope;
use serde_json::json;

use super::{Case, Foreign, Needs};
use crate::front::{ask, get, post};

/// The operations, each about this app, in an order in which all succeed.
pub(super) fn cases(app: AppId) -> Vec<Case> {
    let key = |operation, scope, good, audited| Case {
        operation,
        needs: Needs::Key(scope),
        good,
        foreign: Foreign::NotDue,
        as_foreign: None,
        audited,
    };
    let (read, write) = (Scope::DeliveryRead, Scope::DeliveryWrite);
    let app = format!("/admin/apps/{app}");
    let template = format!("{app}/templates/otp_login/de/sms");
    let delivery = format!("{app}/delivery");
    let providers = json!({"providers": [{
        "id": "main", "kind": "webhook", "url": "https://hook.example.com/",
        "secret": "0123456789abcdef0123456789abcdef",
    }]});
    vec![
        key(
            "GET /admin/apps/{app_id}/templates",
            read,
            get(format!("{app}/templates")),
            &[],
        ),
        key(
            "PUT /admin/apps/{app_id}/templates/{name}/{language}/{channel}",
            write,
            ask("PUT", template.clone()).body(json!({"text": "{{ code }}"})),
            &["template.changed"],
        ),
        key(
            "GET /admin/apps/{app_id}/templates/{name}/{language}/{channel}",
            read,
            get(template.clone()),
            &[],
        ),
        key(
            "POST /admin/apps/{app_id}/templates/{name}/{language}/{channel}/preview",
            read,
            post(format!("{template}/preview"), json!({})),
            &[],
        ),
        key(
            "DELETE /admin/apps/{app_id}/templates/{name}/{language}/{channel}",
            write,
            ask("DELETE", template),
            &["template.reset"],
        ),
        key(
            "POST /admin/apps/{app_id}/delivery/test",
            write,
            post(format!("{delivery}/test"), json!({"to": "ada@example.com"})),
            &["delivery.tested"],
        ),
        key(
            "PUT /admin/apps/{app_id}/delivery/{channel}",
            write,
            ask("PUT", format!("{delivery}/sms")).body(providers),
            &["delivery.changed"],
        ),
        key(
            "GET /admin/apps/{app_id}/delivery",
            read,
            get(delivery.clone()),
            &[],
        ),
        key(
            "GET /admin/apps/{app_id}/delivery/usage",
            read,
            get(format!("{delivery}/usage")),
            &[],
        ),
        key(
            "DELETE /admin/apps/{app_id}/delivery/{channel}",
            write,
            ask("DELETE", format!("{delivery}/sms")),
            &["delivery.reset"],
        ),
    ]
}
