//! `doorward app`

use doorward_domain::AppId;
use doorward_domain::app::{App, AppSettings};
use doorward_domain::time::iso;
use doorward_service::apps::{self, CreateApp, UpdateApp};
use doorward_service::{Core, Operator};
use serde::Serialize;

use super::{find, meant, pages, settings};
use crate::Outcome;
use crate::cli::{AppCommand, Global, Paging};
use crate::deployment;
use crate::failure::Failure;
use crate::output::{self, Report, labels, table};

/// Runs it.
pub(super) async fn run(global: &Global, command: AppCommand) -> Outcome {
    let core = deployment::open(global).await?;
    let operator = deployment::operator(&core);
    let (core, json) = (&*core, global.json);
    let shown = |app: App| output::report(json, &AppView::from(app));
    let outcome = match command {
        AppCommand::Create {
            name,
            slug,
            set,
            env,
            repeat,
        } => {
            let given = serde_json::json!([name, slug, set]);
            let operator = deployment::repeatable(&operator, repeat, "app create", &given)?;
            let settings = initial_settings(&set)?;
            let request = CreateApp {
                name,
                slug,
                settings,
            };
            let created = apps::create(core, &operator, request).await?;
            let credentials = Credentials {
                app_id: created.app.id.to_string(),
                app_slug: created.app.slug.as_str().to_owned(),
                name: created.app.name,
                app_secret: created.secret.expose().to_owned(),
                jwt_public_key: created.jwt_public_key,
                next: None,
            };
            if env {
                output::text_out(&credentials.as_env())
            } else {
                output::report(json, &credentials)
            }
        }
        AppCommand::List { page } => list(core, &operator, &page, json).await,
        AppCommand::Show { app } => shown(find::app(core, &operator, &app).await?),
        AppCommand::Update {
            app,
            name,
            set,
            against,
        } => {
            let id = find::app(core, &operator, &app).await?.id;
            let patch = settings::patch(&set)?;
            if name.is_none() && patch.is_empty() {
                return Err(Failure::usage(
                    "Nothing to change: give --name or --set KEY=VALUE.",
                ));
            }
            let settings = (!patch.is_empty()).then_some(patch);
            let request = UpdateApp {
                name,
                settings,
                expected_version: against.if_version,
            };
            shown(apps::update(core, &operator, id, request).await?)
        }
        AppCommand::Deactivate { app, meant } => {
            let app = find::app(core, &operator, &app).await?;
            let what = "switches the app off; nobody signs in, nothing is refreshed";
            let deliberate = meant::deliberate(&operator, &meant, what, app.slug.as_str())?;
            shown(apps::deactivate(core, &operator, app.id, deliberate).await?)
        }
        AppCommand::Reactivate { app } => {
            let id = find::app(core, &operator, &app).await?.id;
            shown(apps::reactivate(core, &operator, id).await?)
        }
        AppCommand::RotateSecret {
            app,
            overlap_minutes,
            repeat,
            meant,
        } => {
            let app = find::app(core, &operator, &app).await?;
            let given = serde_json::json!([app.id, overlap_minutes]);
            let operator = deployment::repeatable(&operator, repeat, "app rotate-secret", &given)?;
            let overlap = overlap_minutes.map(|minutes| minutes * 60);
            let what = "replaces the app's secret; its backend needs the new one";
            let deliberate = meant::deliberate(&operator, &meant, what, app.slug.as_str())?;
            let secret = apps::rotate_secret(core, &operator, app.id, overlap, deliberate).await?;
            let next = match overlap_minutes {
                None => "The old secret is dead.".to_owned(),
                Some(minutes) => format!("The old secret dies in {minutes} minutes."),
            };
            output::report(
                json,
                &Credentials {
                    app_id: app.id.to_string(),
                    app_slug: app.slug.as_str().to_owned(),
                    name: app.name,
                    app_secret: secret.expose().to_owned(),
                    jwt_public_key: core.signing().jwt_public_key().to_owned(),
                    next: Some(next),
                },
            )
        }
    };
    core.store.close().await;
    outcome
}

fn initial_settings(set: &[String]) -> Outcome<Option<AppSettings>> {
    if set.is_empty() {
        return Ok(None);
    }
    let patch = settings::patch(set)?;
    AppSettings::default()
        .patched(&patch)
        .map(Some)
        .map_err(|wrong| {
            let lines: Vec<_> = wrong
                .iter()
                .map(|(field, message)| format!("{field}: {message}"))
                .collect();
            Failure::usage(lines.join("\n"))
        })
}

async fn list(core: &Core, operator: &Operator, page: &Paging, json: bool) -> Outcome {
    let from = pages::cursor(page.cursor.as_deref(), str::parse::<AppId>)?;
    let (found, next) = pages::gather(page.limit, from, async |after, room| {
        let page = apps::list(core, operator, after, pages::one_more(room)).await?;
        Ok(pages::ended_by_last(page, room, |app| app.id))
    })
    .await?;
    let items = found.into_iter().map(AppView::from).collect();
    pages::print(json, AppList { items }, next)
}

/// An app's credentials, shown once.
#[derive(Serialize)]
struct Credentials {
    app_id: String,
    app_secret: String,
    app_slug: String,
    name: String,
    jwt_public_key: String,
    #[serde(skip)]
    next: Option<String>,
}

impl Credentials {
    /// As lines of an environment file, under the names that the integration guides use. None of
    /// the values needs quoting.
    fn as_env(&self) -> String {
        let Self {
            app_id,
            app_secret,
            app_slug,
            jwt_public_key,
            ..
        } = self;
        format!(
            "APP_ID={app_id}\nAPP_SECRET={app_secret}\nAPP_SLUG={app_slug}\n\
             JWT_PUBLIC_KEY={jwt_public_key}\n"
        )
    }
}

impl Report for Credentials {
    fn human(&self) -> String {
        let mut out = labels(&[
            ("app_id", self.app_id.clone()),
            ("app_secret", self.app_secret.clone()),
            ("app_slug", self.app_slug.clone()),
            ("jwt_public_key", self.jwt_public_key.clone()),
        ]);
        out.push_str("\nKeep app_secret now: it is not shown again.");
        if let Some(next) = &self.next {
            out.push_str(&format!(" {next}"));
        }
        out.push('\n');
        out
    }
}

/// An app.
#[derive(Serialize)]
struct AppView {
    app_id: String,
    app_slug: String,
    name: String,
    status: &'static str,
    version: i64,
    settings: AppSettings,
    secret_rotated_at: String,
    previous_secret_until: Option<String>,
    created_at: String,
    updated_at: String,
}

impl From<App> for AppView {
    fn from(app: App) -> Self {
        Self {
            app_id: app.id.to_string(),
            app_slug: app.slug.as_str().to_owned(),
            name: app.name,
            status: app.status.as_str(),
            version: app.version,
            settings: app.settings,
            secret_rotated_at: iso(app.secret_rotated_at),
            previous_secret_until: app.previous_secret.map(|former| iso(former.until)),
            created_at: iso(app.created_at),
            updated_at: iso(app.updated_at),
        }
    }
}

impl Report for AppView {
    fn human(&self) -> String {
        let settings = serde_json::to_value(&self.settings).unwrap_or_default();
        let settings = lines("", &settings);
        let former = self.previous_secret_until.clone();
        labels(&[
            ("app_id", self.app_id.clone()),
            ("app_slug", self.app_slug.clone()),
            ("name", self.name.clone()),
            ("status", self.status.to_owned()),
            ("secret of", self.secret_rotated_at.clone()),
            (
                "former secret",
                former.map_or("dead".to_owned(), |at| format!("accepted until {at}")),
            ),
            ("created", self.created_at.clone()),
            ("changed", self.updated_at.clone()),
        ]) + "settings\n"
            + &settings
    }
}

/// Settings as `--set` takes them, one per line.
fn lines(place: &str, value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(inner) => inner
            .iter()
            .map(|(key, value)| match place {
                "" => lines(key, value),
                place => lines(&format!("{place}.{key}"), value),
            })
            .collect(),
        value => format!("  {place} = {value}\n"),
    }
}

/// All apps.
#[derive(Serialize)]
struct AppList {
    items: Vec<AppView>,
}

impl Report for AppList {
    fn human(&self) -> String {
        if self.items.is_empty() {
            return "There is no app yet. `doorward app create --name N --slug S` makes one.\n"
                .to_owned();
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|app| {
                [
                    app.app_id.clone(),
                    app.app_slug.clone(),
                    app.status.to_owned(),
                    app.created_at.clone(),
                    app.name.clone(),
                ]
            })
            .collect();
        table(["APP ID", "SLUG", "STATUS", "CREATED", "NAME"], &rows)
    }
}
