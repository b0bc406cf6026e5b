//! The bill of materials: what is compiled into the program, and nothing that only tests or builds it.
//!
//! From `cargo metadata`, where everything that is told stands, less what `cargo tree` leaves out: the
//! former also names what other members of the workspace switch on. CycloneDX 1.5.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::{Result, workspace};

/// The program.
const ROOT: &str = "doorward";

/// Of what `cargo metadata` says, for a target.
pub(super) fn cyclonedx(metadata: &Value, triple: &str) -> Result<String> {
    let bill = of(metadata, &compiled(triple)?)
        .ok_or("cargo metadata holds something else than expected")?;
    serde_json::to_string_pretty(&bill).map_err(|error| error.to_string())
}

/// What is compiled for the program: names and versions.
fn compiled(triple: &str) -> Result<BTreeSet<(String, String)>> {
    let output = workspace::cargo()
        .args(["tree", "--locked", "--package", ROOT, "--edges", "normal"])
        .args(["--target", triple, "--prefix", "none", "--format", "{p}"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo tree: {error}"))?;
    if !output.status.success() {
        return Err("cargo tree failed".to_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
            Some((name.to_owned(), version.to_owned()))
        })
        .collect())
}

/// Whatever the program needs to run: its dependencies, but those for tests and build scripts.
fn of(metadata: &Value, compiled: &BTreeSet<(String, String)>) -> Option<Value> {
    let is_compiled = |package: &Value| {
        let text = |member: &str| package[member].as_str().unwrap_or_default().to_owned();
        compiled.contains(&(text("name"), text("version")))
    };
    let packages: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()?
        .iter()
        .filter(|package| is_compiled(package))
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = metadata
        .pointer("/resolve/nodes")?
        .as_array()?
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let root = packages
        .iter()
        .find(|(_, package)| package["name"] == ROOT)
        .map(|(id, _)| *id)?;
    let mut reached = BTreeSet::new();
    let mut waiting = vec![root];
    let mut edges = BTreeMap::new();
    while let Some(id) = waiting.pop() {
        if !reached.insert(id) {
            continue;
        }
        let needed: Vec<&str> = nodes
            .get(id)?
            .get("deps")?
            .as_array()?
            .iter()
            .filter(|dependency| is_normal(dependency))
            .filter_map(|dependency| dependency["pkg"].as_str())
            .filter(|id| packages.contains_key(id))
            .collect();
        waiting.extend(needed.iter().copied());
        edges.insert(id, needed);
    }
    let purl = |id: &str| packages.get(id).map(|package| purl(package));
    let components: Vec<Value> = reached
        .iter()
        .filter(|id| **id != root)
        .filter_map(|id| {
            packages
                .get(id)
                .map(|package| component(package, "library"))
        })
        .collect();
    let dependencies: Vec<Value> = edges
        .iter()
        .map(|(id, needed)| {
            let on: BTreeSet<_> = needed.iter().filter_map(|id| purl(id)).collect();
            json!({ "ref": purl(id), "dependsOn": on })
        })
        .collect();
    Some(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": component(packages.get(root)?, "application") },
        "components": components,
        "dependencies": dependencies,
    }))
}

fn is_normal(dependency: &Value) -> bool {
    let kinds = dependency["dep_kinds"].as_array();
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
}

fn purl(package: &Value) -> String {
    let text = |member: &str| package[member].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
}

fn component(package: &Value, kind: &str) -> Value {
    // Cargo's older way to write OR.
    let license = package["license"]
        .as_str()
        .map(|text| text.replace('/', " OR "));
    let licenses: Vec<_> = license
        .iter()
        .map(|text| json!({ "expression": text }))
        .collect();
    let repository = package["repository"].as_str();
    let references: Vec<_> = repository
        .iter()
        .map(|url| json!({ "type": "vcs", "url": url }))
        .collect();
    json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        "licenses": licenses,
        "externalReferences": references,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_and_builds_need_is_not_in_the_program() {
        let package = |name: &str| json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0" });
        let on = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        let node = |name: &str, deps: Vec<Value>| json!({ "id": name, "deps": deps });
        let names = [
            "doorward", "used", "deep", "tested", "built", "stranger", "idle",
        ];
        // Another member of the workspace switches `idle` on.
        let compiled = names[..6].iter();
        let compiled = compiled
            .map(|name| ((*name).to_owned(), "1.0.0".to_owned()))
            .collect();
        let metadata = json!({
            "packages": names.map(package),
            "resolve": { "nodes": [
                node("doorward", vec![
                    on("used", Value::Null), on("tested", json!("dev")), on("built", json!("build")),
                ]),
                node("used", vec![on("deep", Value::Null), on("idle", Value::Null)]),
                node("deep", vec![]), node("tested", vec![]), node("built", vec![]),
                node("stranger", vec![]), node("idle", vec![]),
            ] },
        });
        let bill = of(&metadata, &compiled).unwrap();
        let found: Vec<_> = bill["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| &c["purl"])
            .collect();
        assert_eq!(found, ["pkg:cargo/deep@1.0.0", "pkg:cargo/used@1.0.0"]);
        assert_eq!(
            bill["components"][0]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(bill["metadata"]["component"]["name"], "doorward");
        assert_eq!(bill["dependencies"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn the_checkout_has_one() {
        let bill: Value = {
            let host = super::super::host().unwrap();
            let metadata = super::super::metadata(&host).unwrap();
            serde_json::from_str(&cyclonedx(&metadata, &host).unwrap()).unwrap()
        };
        let names: BTreeSet<_> = bill["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| component["name"].as_str().unwrap())
            .collect();
        for name in ["rusqlite", "aws-lc-rs", "doorward-domain", "tokio-postgres"] {
            assert!(names.contains(name), "{name}");
        }
        for name in ["rcgen", "proptest", "doorward-testkit", "ring", "quinn"] {
            assert!(!names.contains(name), "{name}");
        }
    }
}
