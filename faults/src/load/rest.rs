//! Licences with fewer slots than devices, roles, and the access token's own test.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use super::app::{License, SLOTS};
use super::user::User;
use crate::http::Answer;

const ROLES: [&str; 3] = ["admin", "staff", "viewer"];

impl User {
    /// The access token is good at whichever node is asked.
    pub(super) fn me(&mut self) {
        let Some(answer) = self.ask_me() else { return };
        if !answer.is_good() {
            self.protest("/auth/me with a fresh token", &answer);
        }
    }

    fn ask_me(&mut self) -> Option<Answer> {
        let session = self.session.as_ref()?;
        let header = format!("Authorization: Bearer {}\r\n", session.access);
        let began = Instant::now();
        let answer = self.http.get("/auth/me", &header);
        self.judge("/auth/me", began, answer)
    }

    /// Makes a licence that everybody may fight for.
    pub(super) fn new_license(&mut self) {
        let asked = json!({ "max_activations": SLOTS, "label": "faults" });
        let Some(answer) = self.ask("/license/generate", "", asked) else {
            return;
        };
        if !answer.is_good() {
            return self.protest("license/generate", &answer);
        }
        self.record().changed("license/generate", &answer);
        self.shared.app.licenses().push(License {
            key: answer.text("license_key").to_owned(),
            devices: BTreeSet::new(),
        });
    }

    /// Wants a slot of the newest licence for a new device.
    pub(super) fn activate(&mut self) {
        let newest = self.shared.app.licenses().last().map(|l| l.key.clone());
        let Some(key) = newest else {
            return self.new_license();
        };
        let (number, count) = (self.number, self.next());
        let device = format!("device-{number}-{count}");
        let asked = json!({ "license_key": key, "device_id": device });
        let Some(answer) = self.ask("/license/activate", "", asked) else {
            return;
        };
        if answer.is_good() {
            self.record().changed("license/activate", &answer);
            let mut licenses = self.shared.app.licenses();
            if let Some(license) = licenses.iter_mut().find(|license| license.key == key) {
                license.devices.insert(device);
            }
        } else if answer.code() == "LICENSE_MAX_ACTIVATIONS" {
            self.new_license();
        } else {
            self.protest("license/activate", &answer);
        }
    }

    /// Is given a role.
    pub(super) fn assign_role(&mut self) {
        let Some(user) = self.session.as_ref().map(|session| session.user_id.clone()) else {
            return;
        };
        let pick = usize::try_from(self.roll(3)).unwrap_or(0);
        let role = ROLES.get(pick).copied().unwrap_or("viewer");
        let organization = self.shared.app.organization.clone();
        let asked = json!({ "user_id": user, "tenant_id": organization, "role": role });
        let Some(answer) = self.ask("/auth/roles/assign", "", asked) else {
            return;
        };
        if !answer.is_good() {
            return self.protest("roles/assign", &answer);
        }
        if let Some(session) = &mut self.session {
            session.role = Some(role);
        }
    }

    /// The acknowledged role is in the token.
    pub(super) fn check_role(&mut self) {
        let Some(role) = self.session.as_ref().and_then(|session| session.role) else {
            return;
        };
        let Some(answer) = self.ask_me() else { return };
        let roles = answer.body.get("roles").and_then(Value::as_array);
        if !roles.is_some_and(|roles| roles.iter().any(|found| found == role)) {
            let number = self.number;
            self.record()
                .lost(format!("client {number}: the role {role} is gone"));
        }
    }

    /// After the fault: no licence has more devices than slots, and each device that was told it
    /// has one has it.
    pub(super) fn check_licenses(&mut self) {
        let licenses = std::mem::take(&mut *self.shared.app.licenses());
        for license in &licenses {
            if license.devices.len() > SLOTS {
                let count = license.devices.len();
                self.record()
                    .double(format!("{count} devices on {SLOTS} slots"));
            }
            let asked = json!({ "license_key": license.key });
            if let Some(status) = self.ask("/license/status", "", asked) {
                let used = status.body.get("activations_used").and_then(Value::as_u64);
                match used.and_then(|used| usize::try_from(used).ok()) {
                    Some(used) if used > SLOTS => self
                        .record()
                        .double(format!("{used} slots used of {SLOTS}")),
                    Some(used) if used < license.devices.len() => self
                        .record()
                        .lost(format!("{used} activations of {}", license.devices.len())),
                    Some(_) => {}
                    None => self.protest("license/status", &status),
                }
            }
            for device in &license.devices {
                let asked = json!({ "license_key": license.key, "device_id": device });
                match self.ask("/license/verify", "", asked) {
                    Some(answer) if answer.is_good() => {}
                    Some(answer) => {
                        let code = answer.code();
                        self.record()
                            .lost(format!("the activation of {device}: {code}"));
                    }
                    None => self.record().lost(format!("{device}: no answer")),
                }
            }
        }
    }
}
