//! `doorward license`

mod generate;
mod key;
mod terms;
mod view;

use doorward_domain::license::{Activation, License, LicenseState, parse_line};
use doorward_domain::secret::SecretText;
use doorward_domain::time::iso;
use doorward_domain::{ActivationId, AppId};
use doorward_http::LicenseCursor;
use doorward_service::licenses::{
    self, Asker, DevicePage, LicenseFilter, Release, UpdateLicense, Which,
};
use doorward_service::{Core, Operator, Result};

use super::{find, meant, pages};
use crate::Outcome;
use crate::cli::{Global, LicenseCommand, OneLicense};
use crate::deployment;
use crate::failure::Failure;
use crate::output;
use view::{LicenseList, LicenseView, Released, Revealed};

/// Items of one question to the store.
const PAGE: u32 = 100;

/// Runs it.
pub(super) async fn run(global: &Global, command: LicenseCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let outcome = obey(&core, &operator, command, global.json).await;
    core.store.close().await;
    outcome
}

async fn obey(core: &Core, operator: &Operator, command: LicenseCommand, json: bool) -> Outcome {
    let place = async |license: &OneLicense| Place::find(core, operator, license).await;
    match command {
        LicenseCommand::Generate { .. } => generate::run(core, operator, command, json).await,
        LicenseCommand::List { .. } => list(core, operator, command, json).await,
        LicenseCommand::Show(license) => place(&license).await?.show(core, json).await,
        LicenseCommand::Update {
            license,
            label,
            issued_to,
            expires,
            max_activations,
            entitlement,
            metadata,
            against,
        } => {
            let change = UpdateLicense {
                label: terms::line_or_none("--label", label)?,
                issued_to: terms::line_or_none("--issued-to", issued_to)?,
                expires_at: terms::end_or_never(expires, core.clock.now())?,
                max_activations,
                entitlements: terms::patched(terms::entitlements(&entitlement)?),
                metadata: terms::patched(terms::object(metadata.as_deref())?),
                expected_version: against.if_version,
            };
            let place = place(&license).await?;
            let changed = licenses::update(core, &place.asker, place.which.clone(), change).await;
            place.shown(core, changed, json).await
        }
        LicenseCommand::Suspend { license, reason } => {
            let (place, reason) = (place(&license).await?, why(reason)?);
            let which = place.which.clone();
            let changed = licenses::suspend(core, &place.asker, which, reason).await;
            place.shown(core, changed, json).await
        }
        LicenseCommand::Resume(license) => {
            let place = place(&license).await?;
            let changed = licenses::resume(core, &place.asker, place.which.clone()).await;
            place.shown(core, changed, json).await
        }
        LicenseCommand::Revoke { license, meant } => {
            let place = place(&license).await?;
            let id = place.license(core).await?.0.id;
            let what = "ends the licence for good; its devices are refused";
            let meant = meant::deliberate(operator, &meant, what, &id.to_string())?;
            let which = place.which.clone();
            let changed =
                licenses::revoke_deliberately(core, operator, place.app, which, meant).await;
            place.shown(core, changed, json).await
        }
        LicenseCommand::Deactivate { license, device } => {
            let (place, device) = (place(&license).await?, activation(&device)?);
            let (license, _) = place.license(core).await?;
            licenses::deactivate(core, &place.asker, device, Some(license.id)).await?;
            place.show(core, json).await
        }
        LicenseCommand::Release { license, device } => {
            let place = place(&license).await?;
            let request = Release {
                which: place.which,
                activation_id: activation(&device)?,
            };
            let free_at = licenses::release(core, &place.asker, request).await?;
            let slot_free_at = iso(free_at);
            output::report(json, &Released { slot_free_at })
        }
        LicenseCommand::Key(command) => key::run(core, operator, command, json).await,
        LicenseCommand::Reveal { license, reason } => {
            let place = place(&license).await?;
            let reason = why(Some(reason))?.unwrap_or_default();
            let id = place.license(core).await?.0.id;
            let key = licenses::reveal(core, operator, place.app, id, reason).await?;
            let revealed = Revealed {
                license_id: id.to_string(),
                license_key: key.expose().to_owned(),
            };
            output::report(json, &revealed)
        }
    }
}

async fn list(core: &Core, operator: &Operator, command: LicenseCommand, json: bool) -> Outcome {
    let LicenseCommand::List {
        user,
        tenant,
        issued_to,
        label_prefix,
        state,
        key_hint,
        page,
        of,
    } = command
    else {
        return Ok(());
    };
    let app = find::app(core, operator, &of.app).await?.id;
    let user_id = match user {
        Some(user) => Some(find::user(core, operator, app, &user).await?),
        None => None,
    };
    let state = state.as_deref().map(LicenseState::parse).transpose();
    let filter = LicenseFilter {
        user_id,
        tenant_id: tenant.map(|org| find::org(&org, &of)).transpose()?,
        issued_to,
        label_prefix,
        state: state.map_err(|rule| Failure::usage(format!("--state: {rule}")))?,
        key_hint: key_hint.map(|hint| hint.to_ascii_uppercase()),
        ..LicenseFilter::default()
    };
    let asker = Asker::Operator(operator.clone(), app);
    let from = pages::cursor(page.cursor.as_deref(), |text| {
        LicenseCursor::read(text, Some(&filter)).map(|LicenseCursor(place)| place)
    })?;
    let found = pages::gather(page.limit, from, async |after, limit| {
        let page = LicenseFilter {
            after,
            limit,
            ..filter.clone()
        };
        let page = licenses::list(core, &asker, page).await?;
        Ok((page.licenses, page.next))
    });
    let now = core.clock.now();
    let (found, next) = found.await?;
    let items = found
        .into_iter()
        .map(|license| LicenseView::new(license, None, now));
    let items = items.collect();
    pages::print(json, LicenseList { items }, next.map(LicenseCursor))
}

/// A licence that a command names.
struct Place {
    asker: Asker,
    app: AppId,
    which: Which,
}

impl Place {
    async fn find(core: &Core, operator: &Operator, license: &OneLicense) -> Outcome<Self> {
        let app = find::app(core, operator, &license.of.app).await?.id;
        let which = match license.name.parse() {
            Ok(id) => Which::Id(id),
            Err(_) => Which::Key(SecretText::new(license.name.as_str())),
        };
        Ok(Self {
            asker: Asker::Operator(operator.clone(), app),
            app,
            which,
        })
    }

    /// The licence and all its devices.
    async fn license(&self, core: &Core) -> Result<(License, Vec<Activation>)> {
        let mut devices: Vec<Activation> = Vec::new();
        loop {
            let page = DevicePage {
                after: devices.last().map(|last| last.id),
                limit: PAGE,
            };
            let (license, held) =
                licenses::show(core, &self.asker, self.which.clone(), page).await?;
            if held.is_empty() {
                return Ok((license, devices));
            }
            devices.extend(held);
        }
    }

    async fn show(&self, core: &Core, json: bool) -> Outcome {
        let (license, devices) = self.license(core).await?;
        let view = LicenseView::new(license, Some(devices), core.clock.now());
        output::report(json, &view)
    }

    async fn shown(&self, core: &Core, changed: Result<License>, json: bool) -> Outcome {
        changed?;
        self.show(core, json).await
    }
}

fn why(reason: Option<String>) -> Outcome<Option<String>> {
    let reason = reason.as_deref().map(parse_line).transpose();
    reason.map_err(|rule| Failure::usage(format!("--reason: {rule}")))
}

fn activation(text: &str) -> Outcome<ActivationId> {
    text.parse().map_err(|_| {
        Failure::usage(format!(
            "`{text}` is no activation id; `doorward license show` lists them."
        ))
    })
}
