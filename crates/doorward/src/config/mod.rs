//! Settings: flags over environment over one TOML file, all declared in [`registry`].

mod environment;
mod file;
mod problem;
mod reader;
pub(crate) mod reference;
pub(crate) mod registry;
pub(crate) mod safety;
pub(crate) mod sections;
mod suggest;
mod values;
mod variable;

pub(crate) use environment::Environment;
pub(crate) use problem::Problem;
pub(crate) use values::{DataDir, Layers, Override, Source, Values};
pub(crate) use variable::Variable;

use reader::Reader;
use sections::{
    Admin, Database, Delivery, Health, Keys, Limits, Log, Maintenance, Server, Signing,
};

/// Every setting, typed.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) server: Server,
    pub(crate) admin: Admin,
    pub(crate) database: Option<Database>,
    pub(crate) keys: Keys,
    pub(crate) signing: Signing,
    pub(crate) health: Health,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) delivery: Delivery,
    pub(crate) maintenance: Maintenance,
}

/// What loading found out.
pub(crate) struct Loaded {
    /// Usable only when there are no problems.
    pub(crate) config: Config,
    /// Where each value is from.
    pub(crate) values: Values,
    /// Everything that is wrong.
    pub(crate) problems: Vec<Problem>,
}

/// Reads all settings, and tells everything that is wrong with them.
pub(crate) fn load(layers: &Layers<'_>) -> Loaded {
    let mut problems = Vec::new();
    let values = Values::resolve(layers, &mut problems);
    let config = Config::read(&mut Reader::new(&values, &mut problems));
    Loaded {
        config,
        values,
        problems,
    }
}

impl Config {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            server: Server::read(reader),
            admin: Admin::read(reader),
            database: Database::read(reader),
            keys: Keys::read(reader),
            signing: Signing::read(reader),
            health: Health::read(reader),
            log: Log::read(reader),
            limits: Limits::read(reader),
            delivery: Delivery::read(reader),
            maintenance: Maintenance::read(reader),
        }
    }
}

#[cfg(test)]
mod tests;
