//! An app to be a client of.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::Result;
use crate::world::deployment::Deployment;

/// Slots of each licence: fewer than there are devices that want one.
pub(crate) const SLOTS: usize = 5;

/// An app's credentials, and what its clients fight for.
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) slug: String,
    /// An organization to have roles in.
    pub(crate) organization: String,
    /// What operators' programs show.
    pub(crate) admin_key: String,
    licenses: Mutex<Vec<License>>,
}

/// A licence, and the devices that were told they have a slot.
pub(crate) struct License {
    pub(crate) key: String,
    pub(crate) devices: BTreeSet<String>,
}

impl App {
    /// Makes it by the command line, beside running nodes or before the first.
    pub(crate) fn create(deployment: &Deployment, slug: &str) -> Result<Self> {
        let mut arguments = vec!["app", "create", "--name", slug, "--slug", slug];
        // The limits are not what is tried here.
        for setting in [
            "limits.otp_per_contact.max=100000",
            "limits.otp_per_app.max=1000000",
            "limits.license_per_key.max=100000",
            "limits.license_failures_per_app.max=1000000",
        ] {
            arguments.extend(["--set", setting]);
        }
        let app = deployment.cli(&arguments)?;
        let organization = deployment.cli(&["org", "create", "--name", "Org", "--app", slug])?;
        let key = deployment.cli(&["admin-key", "create", "--name", slug])?;
        Ok(Self {
            id: text(&app, "app_id")?,
            secret: text(&app, "app_secret")?,
            slug: slug.to_owned(),
            organization: text(&organization, "id")?,
            admin_key: text(&key, "admin_key")?,
            licenses: Mutex::default(),
        })
    }

    /// A body with the credentials in it.
    pub(crate) fn body(&self, mut members: Value) -> Value {
        if let Some(members) = members.as_object_mut() {
            members.insert("app_id".to_owned(), json!(self.id));
            members.insert("app_secret".to_owned(), json!(self.secret));
        }
        members
    }

    pub(crate) fn licenses(&self) -> MutexGuard<'_, Vec<License>> {
        self.licenses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(printed: &Value, name: &str) -> Result<String> {
    printed
        .get(name)
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
        .ok_or_else(|| format!("the command printed no {name}"))
}
