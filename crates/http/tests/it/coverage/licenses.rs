//! Operations on licences.

use doorward_domain::license::Device;
use doorward_domain::secret::SecretText;
use doorward_domain::{ActivationId, LicenseId, UserId};
use doorward_service::licenses::{self, Activate, Asker, Terms, Which};
use doorward_testkit::platform::{Platform, TestApp};
use serde_json::{Value, json};

use super::{Case, Foreign, Needs};
use crate::front::post;

/// A licence with three devices, and one for each way to end it.
pub(super) struct Licenses {
    user: UserId,
    key: String,
    devices: Vec<ActivationId>,
    pub(super) spare: Vec<LicenseId>,
}

impl Licenses {
    pub(super) async fn seed(platform: &Platform, a: &TestApp, user: UserId) -> Self {
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
        for device in 0..4 {
            let request = Activate {
                key: SecretText::new(key.expose()),
                device: Device::Id(format!("device-{device}")),
                device_label: None,
            };
            let done = licenses::activate(core, &asker, request).await.unwrap();
            devices.push(done.activation_id);
        }
        licenses::suspend(core, &asker, Which::Id(spare[3]), None)
            .await
            .unwrap();
        Self {
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
        vec![
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
        ]
    }
}
