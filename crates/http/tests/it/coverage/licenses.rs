//! Operations on licences.

use doorward_domain::license::Device;
use doorward_domain::scope::Scope;
use doorward_domain::secret::SecretText;
use doorward_domain::{ActivationId, AppId, LicenseId, UserId};
use doorward_service::licenses::{self, Activate, Asker, Terms, Which};
use doorward_testkit::platform::{Platform, TestApp};
use serde_json::{Value, json};

use super::{Case, Foreign, Needs};
use crate::front::{Ask, ask, get, post};

/// A licence with three devices, and one for each way to end it.
pub(super) struct Licenses {
    app: AppId,
    other: AppId,
    user: UserId,
    key: String,
    devices: Vec<ActivationId>,
    pub(super) spare: Vec<LicenseId>,
}

impl Licenses {
    pub(super) async fn seed(platform: &Platform, a: &TestApp, b: &TestApp, user: UserId) -> Self {
        let core = &platform.core;
        let asker = Asker::app(platform.authenticate(a).await, None);
        let terms = Terms {
            max_activations: 9,
            ..Terms::default()
        };
        let made = licenses::generate(core, &asker, terms, 7).await.unwrap();
        let spare: Vec<_> = made.iter().map(|made| made.license.id).collect();
        let key = made[0].key.as_ref().unwrap().expose();
        let mut devices = Vec::new();
        for device in 0..5 {
            let request = Activate {
                key: SecretText::new(key.expose()),
                device: Device::Id(format!("device-{device}")),
                device_label: None,
            };
            let done = licenses::activate(core, &asker, request).await.unwrap();
            devices.push(done.activation_id);
        }
        for suspended in [spare[3], spare[4]] {
            licenses::suspend(core, &asker, Which::Id(suspended), None)
                .await
                .unwrap();
        }
        Self {
            app: a.id,
            other: b.id,
            user,
            key: key.expose().to_owned(),
            devices,
            spare,
        }
    }

    pub(super) fn cases(&self) -> Vec<Case> {
        const UNKNOWN: Foreign = Foreign::Refused(404, "LICENSE_NOT_FOUND");
        let case = |operation: &'static str, body: Value, foreign, audited| Case {
            operation,
            needs: Needs::App,
            good: post(operation.trim_start_matches("POST "), body),
            foreign,
            as_foreign: None,
            audited,
        };
        let (key, devices, spare) = (&self.key, &self.devices, &self.spare);
        let mut cases = vec![
            case(
                "POST /license/generate",
                json!({"user_id": self.user}),
                Foreign::Refused(404, "USER_NOT_FOUND"),
                &["license.generated"],
            ),
            case(
                "POST /license/activate",
                json!({"license_key": key, "device_id": "another"}),
                UNKNOWN,
                &["license.activated"],
            ),
            case(
                "POST /license/verify",
                json!({"license_key": key, "device_id": "device-0"}),
                UNKNOWN,
                // Seen within the hour.
                &[],
            ),
            case(
                "POST /license/status",
                json!({"license_key": key}),
                UNKNOWN,
                &[],
            ),
            case(
                "POST /license/checkout",
                json!({"license_key": key, "device_id": "device-0"}),
                UNKNOWN,
                &["license.checked_out"],
            ),
            case("POST /license/list", json!({}), Foreign::Harmless, &[]),
            case(
                "POST /license/update",
                json!({"license_key": key, "label": "new"}),
                UNKNOWN,
                &["license.updated"],
            ),
            case(
                "POST /license/revoke",
                json!({"license_id": spare[1]}),
                UNKNOWN,
                &["license.revoked"],
            ),
            case(
                "POST /license/suspend",
                json!({"license_id": spare[2]}),
                UNKNOWN,
                &["license.suspended"],
            ),
            case(
                "POST /license/resume",
                json!({"license_id": spare[3]}),
                UNKNOWN,
                &["license.resumed"],
            ),
            case(
                "POST /license/deactivate",
                json!({"activation_id": devices[1]}),
                Foreign::Refused(404, "LICENSE_NOT_ACTIVATED"),
                &["license.deactivated"],
            ),
            case(
                "POST /license/release",
                json!({"license_key": key, "activation_id": devices[2]}),
                UNKNOWN,
                &["license.seat_released"],
            ),
        ];
        cases.extend(self.of_operators());
        cases
    }

    fn of_operators(&self) -> Vec<Case> {
        let spare = &self.spare;
        let list = |app| format!("/admin/apps/{app}/licenses");
        let one = |app, id: LicenseId| format!("{}/{id}", list(app));
        let device = |app| {
            let id = self.devices[3];
            format!("{}/activations/{id}", one(app, spare[0]))
        };
        let unknown = |operation: &'static str, scope, ask: &dyn Fn(AppId) -> Ask, audited| Case {
            operation,
            needs: Needs::Key(scope),
            good: ask(self.app),
            foreign: Foreign::Refused(404, "LICENSE_NOT_FOUND"),
            as_foreign: Some(ask(self.other)),
            audited,
        };
        let (read, write) = (Scope::LicensesRead, Scope::LicensesWrite);
        vec![
            Case {
                foreign: Foreign::Harmless,
                ..unknown(
                    "GET /admin/apps/{app_id}/licenses",
                    read,
                    &|app| get(list(app)),
                    &[],
                )
            },
            Case {
                foreign: Foreign::Refused(404, "USER_NOT_FOUND"),
                ..unknown(
                    "POST /admin/apps/{app_id}/licenses",
                    write,
                    &|app| post(list(app), json!({"user_id": self.user})),
                    &["license.generated"],
                )
            },
            unknown(
                "GET /admin/apps/{app_id}/licenses/{license_id}",
                read,
                &|app| get(one(app, spare[0])),
                &[],
            ),
            unknown(
                "PATCH /admin/apps/{app_id}/licenses/{license_id}",
                write,
                &|app| ask("PATCH", one(app, spare[5])).body(json!({"label": "x"})),
                &["license.updated"],
            ),
            Case {
                foreign: Foreign::Refused(404, "LICENSE_NOT_ACTIVATED"),
                ..unknown(
                    "DELETE /admin/apps/{app_id}/licenses/{license_id}/activations/{activation_id}",
                    write,
                    &|app| ask("DELETE", device(app)),
                    &["license.deactivated"],
                )
            },
            Case {
                foreign: Foreign::Refused(404, "LICENSE_NOT_FOUND"),
                ..unknown(
                    "POST /admin/apps/{app_id}/licenses/{license_id}/activations/{activation_id}/release",
                    write,
                    &|app| {
                        let device =
                            format!("{}/activations/{}", one(app, spare[0]), self.devices[4]);
                        ask("POST", format!("{device}/release"))
                    },
                    &["license.seat_released"],
                )
            },
            Case {
                foreign: Foreign::NotDue,
                as_foreign: None,
                ..unknown(
                    "POST /admin/apps/{app_id}/license-keys/rotate",
                    Scope::KeysWrite,
                    &|app| {
                        post(
                            format!("/admin/apps/{app}/license-keys/rotate"),
                            crate::front::meant(app),
                        )
                    },
                    &["license_key.rotated"],
                )
            },
            Case {
                foreign: Foreign::NotDue,
                as_foreign: None,
                ..unknown(
                    "GET /admin/apps/{app_id}/license-keys",
                    Scope::KeysRead,
                    &|app| get(format!("/admin/apps/{app}/license-keys")),
                    &[],
                )
            },
            unknown(
                "POST /admin/apps/{app_id}/licenses/{license_id}/suspend",
                write,
                &|app| ask("POST", format!("{}/suspend", one(app, spare[5]))),
                &["license.suspended"],
            ),
            unknown(
                "POST /admin/apps/{app_id}/licenses/{license_id}/resume",
                write,
                &|app| ask("POST", format!("{}/resume", one(app, spare[4]))),
                &["license.resumed"],
            ),
            unknown(
                "POST /admin/apps/{app_id}/licenses/{license_id}/revoke",
                write,
                &|app| {
                    let meant = crate::front::meant(spare[6]);
                    post(format!("{}/revoke", one(app, spare[6])), meant)
                },
                &["license.revoked"],
            ),
            unknown(
                "POST /admin/apps/{app_id}/licenses/{license_id}/reveal",
                write,
                &|app| {
                    let why = json!({"reason": "lost mail"});
                    post(format!("{}/reveal", one(app, spare[0])), why)
                },
                &["license.revealed"],
            ),
        ]
    }
}
