//! The deployment a command is about: where its settings, database and keys are.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use doorward_delivery::sender::Networks;
use doorward_domain::audit::Actor;
use doorward_domain::scope::Scopes;
use doorward_domain::{Clock, OsRandom, SystemClock};
use doorward_service::{Core, CoreParts, IdempotencyKey, Operator, Origin, PlatformSettings};
use doorward_store::Store;
use doorward_store::postgres::PostgresDriver;
use doorward_store::sqlite::SqliteDriver;

use crate::Outcome;
use crate::cli::{Global, Repeat};
use crate::config::safety::Exception;
use crate::config::sections::Database;
use crate::config::{self, Config, DataDir, Environment, Layers, Loaded, Override, registry};
use crate::failure::{DATABASE, Failure};

/// Where an embedded deployment is when nobody says where.
pub(crate) const DEFAULT_DATA_DIR: &str = "doorward-data";

/// Where the settings are, as flags and environment say.
pub(crate) struct Place {
    environment: Environment,
    file: Option<PathBuf>,
    /// The directory of an embedded deployment, if one was named.
    pub(crate) data_dir: Option<DataDir>,
    database_url: Option<String>,
}

impl Place {
    /// From the flags that every command takes.
    pub(crate) fn of(global: &Global) -> Self {
        let environment = Environment::of_process();
        let by_env = |name: &str| {
            environment
                .get(name)
                .map(|path: &OsString| PathBuf::from(path))
        };
        let file = global.config.clone().or_else(|| by_env("DOORWARD_CONFIG"));
        let data_dir = match &global.data_dir {
            Some(path) => Some(DataDir {
                path: path.clone(),
                by_flag: true,
            }),
            None => by_env("DOORWARD_DATA_DIR").map(|path| DataDir {
                path,
                by_flag: false,
            }),
        };
        Self {
            file,
            data_dir,
            database_url: global.database_url.clone(),
            environment,
        }
    }

    /// A command finds the deployment of `doorward dev` in the same directory by itself.
    pub(crate) fn or_default_data_dir(mut self) -> Self {
        let path = PathBuf::from(DEFAULT_DATA_DIR);
        if self.data_dir.is_none() && path.join("doorward.db").exists() {
            self.data_dir = Some(DataDir {
                path,
                by_flag: false,
            });
        }
        self
    }

    /// Reads the settings.
    pub(crate) fn load(&self, mut flags: Vec<Override>) -> Loaded {
        if let Some(text) = self.database_url.clone() {
            flags.push(Override {
                variable: &registry::DATABASE_URL,
                text,
                flag: "--database-url",
            });
        }
        config::load(&Layers {
            flags: &flags,
            environment: &self.environment,
            data_dir: self.data_dir.as_ref(),
            file: self.file.as_deref(),
        })
    }
}

/// Whether a database that does not exist is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is made.
    Create,
    /// It is an error.
    Refuse,
}

/// Opens the database.
pub(crate) async fn open_store(config: &Config, missing: Missing) -> Outcome<Store> {
    match &config.database {
        None => Err(Failure::configuration(
            "There is no database here. Name the deployment: --data-dir DIR for an embedded one \
             (`doorward dev` makes it), --config FILE or DOORWARD_DATABASE_URL for another.",
            &[],
        )),
        Some(Database::Sqlite(options)) => {
            let path = options.path.display();
            if missing == Missing::Refuse && !options.path.exists() {
                return Err(Failure::failed(
                    "NO_DATABASE",
                    format!(
                        "There is no database at {path}. `doorward dev`, `doorward serve` or \
                         `doorward migrate` makes it."
                    ),
                ));
            }
            let opened = SqliteDriver::open(options.clone());
            Ok(Store::new(opened.map_err(|error| {
                Failure::failed(DATABASE, format!("Cannot open the database {path}: {error}")).advise(
                    "Look whether the file is a Doorward database, and whether this user may read and \
                     write it and its directory. `doorward doctor --integrity` reads all of it.",
                )
            })?))
        }
        Some(Database::Postgres(options)) => {
            let mut options = options.as_ref().clone();
            options.plaintext_allowed = config
                .server
                .allow_insecure
                .contains(&Exception::DatabaseTls);
            let places = options.targets();
            let connected = PostgresDriver::connect(options).await;
            Ok(Store::new(connected.map_err(|error| {
                Failure::failed(DATABASE, format!("Cannot connect to PostgreSQL: {error}"))
                    .advise(to_reach(&places))
            })?))
        }
    }
}

/// What to do about a PostgreSQL that is not reached.
fn to_reach(places: &[(String, u16)]) -> String {
    let places: Vec<_> = places
        .iter()
        .map(|(host, port)| format!("{host}:{port}"))
        .collect();
    let asked = match places.is_empty() {
        true => "its socket".to_owned(),
        false => places.join(", "),
    };
    format!(
        "Start the database, or correct host, port, user and password in DOORWARD_DATABASE_URL: asked \
         was {asked}. `doorward config show` tells where the URL is set."
    )
}

/// Puts the use cases on top of a migrated store.
pub(crate) async fn core(
    config: &Config,
    store: Store,
    issuer: String,
    clock: Arc<dyn Clock>,
) -> Outcome<Arc<Core>> {
    let keyring = config
        .keys
        .keyring()
        .map_err(|error| Failure::configuration(error.to_string(), &[]))?
        .ok_or_else(|| {
            Failure::configuration(
                "The master key is missing: set DOORWARD_MASTER_KEY_FILE or DOORWARD_MASTER_KEY, \
                 or name an embedded deployment with --data-dir.",
                &[],
            )
        })?;
    const DAY: i64 = 86_400;
    let defaults = PlatformSettings::new(issuer);
    let settings = PlatformSettings {
        signing_alg: config.signing.algorithm,
        key_rotation_seconds: config
            .signing
            .rotation_days
            .map_or(i64::MAX, |days| days * DAY),
        maintenance_interval_seconds: config.maintenance.interval_seconds,
        delivery: doorward_delivery::apps::Policy {
            // The core knows it.
            public_url: None,
            networks: Networks::public_and(config.delivery.networks.clone()),
            captured: config.delivery.captured,
        },
        ..defaults
    };
    let parts = CoreParts {
        store,
        keyring: Arc::new(keyring),
        clock,
        random: Arc::new(OsRandom),
        settings,
    };
    Ok(Core::start(parts).await?)
}

/// The deployment, for a command that works beside its servers.
pub(crate) async fn open(global: &Global) -> Outcome<Arc<Core>> {
    let loaded = Place::of(global).or_default_data_dir().load(Vec::new());
    if !loaded.problems.is_empty() {
        return Err(Failure::configuration(
            "The configuration is wrong.",
            &loaded.problems,
        ));
    }
    let config = loaded.config;
    let store = open_store(&config, Missing::Refuse).await?;
    let status = store.migration_status().await?;
    if status.current != status.latest {
        return Err(Failure::failed(
            "SCHEMA",
            format!(
                "The database has schema version {}, this program works with {}. Run `doorward \
                 migrate`, or the doorward that fits.",
                status.current, status.latest
            ),
        ));
    }
    core(
        &config,
        store,
        config.server.issuer(),
        Arc::new(SystemClock),
    )
    .await
}

/// The operator with the key that lets a creating command be repeated: `command` names the command,
/// `given` is what it was given.
pub(crate) fn repeatable(
    operator: &Operator,
    repeat: Repeat,
    command: &str,
    given: &serde_json::Value,
) -> Outcome<Operator> {
    let key = repeat.idempotency_key.map(|key| {
        IdempotencyKey::new(&key, command, command, given.to_string().as_bytes()).map_err(|_| {
            Failure::usage("--idempotency-key must be 1 to 255 visible ASCII characters.")
        })
    });
    Ok(operator.clone().repeatable(key.transpose()?))
}

/// Somebody at the machine's command line, who may do everything.
pub(crate) fn operator(core: &Core) -> Operator {
    let origin = Origin {
        request_id: core.new_request_id(),
        ip: None,
        user_agent: None,
        of_person: false,
    };
    Operator::new(core.context(Actor::Cli, origin), Scopes::all())
}
