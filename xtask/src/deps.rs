//! `cargo xtask check-deps`: the arrows between the rooms of the house.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use crate::{Result, workspace};

/// Each crate and the crates of ours that it may use, dev-dependencies aside.
/// A new crate gets a line here, and `docs/architecture.md` a sentence about why it is there.
const ARROWS: &[(&str, &[&str])] = &[
    ("doorward-domain", &[]),
    // A consumer's verifier knows nothing of the server it trusts.
    ("doorward-verify", &[]),
    ("doorward-crypto", &["doorward-domain"]),
    ("doorward-store", &["doorward-domain"]),
    (
        "doorward-delivery",
        &["doorward-domain", "doorward-crypto", "doorward-store"],
    ),
    (
        "doorward-service",
        &[
            "doorward-domain",
            "doorward-crypto",
            "doorward-verify",
            "doorward-store",
            "doorward-delivery",
        ],
    ),
    // Handlers translate; what they want from the store they ask a use case for.
    (
        "doorward-http",
        &[
            "doorward-domain",
            "doorward-crypto",
            "doorward-verify",
            "doorward-service",
        ],
    ),
    (
        "doorward",
        &[
            "doorward-domain",
            "doorward-crypto",
            "doorward-verify",
            "doorward-store",
            "doorward-delivery",
            "doorward-service",
            "doorward-http",
        ],
    ),
    (
        "doorward-testkit",
        &[
            "doorward-domain",
            "doorward-crypto",
            "doorward-verify",
            "doorward-store",
            "doorward-delivery",
            "doorward-service",
            "doorward-http",
        ],
    ),
    ("xtask", &["doorward-domain"]),
    // Measures from outside, over HTTP.
    ("doorward-bench", &[]),
    // Breaks what surrounds a server, and asks it from outside.
    ("doorward-faults", &[]),
];

/// Used by tests only: nobody may name it but in `[dev-dependencies]`.
const TESTKIT: &str = "doorward-testkit";

/// Where an engine's driver may be named; everything else sees the port.
const MAY_NAME_A_DRIVER: &[&str] = &["doorward", "doorward-store", "doorward-testkit", "xtask"];
const DRIVERS: &[&str] = &["sqlite", "postgres"];

/// Checks them.
pub(crate) fn run() -> Result<ExitCode> {
    let metadata = workspace::metadata()?;
    let packages: Vec<Package> = metadata
        .get("packages")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Package::read)
        .collect();
    let ours: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut complaints = Vec::new();
    for package in &packages {
        check_arrows(package, &ours, &mut complaints);
        if !MAY_NAME_A_DRIVER.contains(&package.name.as_str()) {
            check_drivers(package, &mut complaints)?;
        }
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    if complaints.is_empty() {
        println!(
            "check-deps: {} crates, every arrow points inward",
            packages.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!(
        "{} arrows point the wrong way (the table is in xtask/src/deps.rs)",
        complaints.len()
    ))
}

struct Package {
    name: String,
    folder: PathBuf,
    /// Name and whether it is needed outside of tests.
    dependencies: Vec<(String, bool)>,
}

impl Package {
    fn read(package: &Value) -> Option<Self> {
        let dependencies = package
            .get("dependencies")?
            .as_array()?
            .iter()
            .filter_map(|entry| {
                let needed = entry.get("kind")?.as_str() != Some("dev");
                Some((entry.get("name")?.as_str()?.to_owned(), needed))
            });
        Some(Self {
            name: package.get("name")?.as_str()?.to_owned(),
            folder: Path::new(package.get("manifest_path")?.as_str()?)
                .parent()?
                .to_owned(),
            dependencies: dependencies.collect(),
        })
    }
}

fn check_arrows(package: &Package, ours: &BTreeSet<&str>, complaints: &mut Vec<String>) {
    let name = &package.name;
    let Some((_, allowed)) = ARROWS.iter().find(|(of, _)| of == name) else {
        complaints.push(format!(
            "{name}: a new room; give it a line in the table of arrows"
        ));
        return;
    };
    for (dependency, needed) in &package.dependencies {
        if !needed || !ours.contains(dependency.as_str()) {
            continue;
        }
        if dependency == TESTKIT {
            complaints.push(format!("{name}: {TESTKIT} belongs in [dev-dependencies]"));
        } else if !allowed.contains(&dependency.as_str()) {
            complaints.push(format!("{name}: may not use {dependency}"));
        }
    }
}

fn check_drivers(package: &Package, complaints: &mut Vec<String>) -> Result {
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        rust_files(&package.folder.join(folder), &mut files)?;
    }
    for file in files {
        let text =
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        if let Some(driver) = named_driver(&text) {
            let shown = file
                .strip_prefix(workspace::root())
                .unwrap_or(&file)
                .display();
            complaints.push(format!(
                "{}: {shown} names the driver `{driver}`; only the binary and the test kit may",
                package.name
            ));
        }
    }
    Ok(())
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry
            .map_err(|error| format!("{}: {error}", folder.display()))?
            .path();
        if path.is_dir() {
            rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The driver that a path beginning with `doorward_store::` names, comments aside.
fn named_driver(source: &str) -> Option<&'static str> {
    let code: String = source
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .flat_map(|line| line.split_whitespace())
        .collect();
    code.split("doorward_store::").skip(1).find_map(|path| {
        // `{sqlite::Sqlite, Store}` up to its last brace, or `sqlite::Sqlite` up to what follows.
        let end = match path.strip_prefix('{') {
            Some(_) => path.find("};").unwrap_or(path.len()),
            None => path
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(path.len()),
        };
        let words = path
            .get(..end)?
            .split(|c: char| !c.is_alphanumeric() && c != '_');
        words
            .into_iter()
            .find_map(|word| DRIVERS.iter().find(|driver| **driver == word).copied())
    })
}

#[cfg(test)]
mod tests {
    use super::named_driver;

    #[test]
    fn finds_a_driver_however_it_is_named() {
        assert_eq!(
            named_driver("use doorward_store::sqlite::Sqlite;"),
            Some("sqlite")
        );
        assert_eq!(
            named_driver("use doorward_store::{\n  Store,\n  postgres::Pg,\n};"),
            Some("postgres")
        );
        assert_eq!(
            named_driver("let a = doorward_store :: postgres::open(x);"),
            Some("postgres")
        );
    }

    #[test]
    fn does_not_mistake_the_port_for_a_driver() {
        assert_eq!(
            named_driver("use doorward_store::{Engine, Store};\nlet sqlite = 1;"),
            None
        );
        assert_eq!(
            named_driver("// doorward_store::sqlite is not ours to name"),
            None
        );
        assert_eq!(named_driver("doorward_store::Engine::Sqlite"), None);
    }

    #[test]
    fn every_arrow_points_to_a_room_and_none_in_a_circle() {
        for (index, (name, allowed)) in super::ARROWS.iter().enumerate() {
            for other in *allowed {
                let place = super::ARROWS.iter().position(|(of, _)| of == other);
                assert!(
                    place.is_some_and(|place| place < index),
                    "{name} uses {other}"
                );
            }
        }
    }
}
