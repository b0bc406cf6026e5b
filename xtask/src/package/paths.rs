//! Paths of the machine that builds: none of them gets into the program.
//!
//! A panic names the file it is in. For our own crates that is a path in the checkout, for
//! dependencies one of this machine, unless the compiler is told another name for it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Result, workspace};

/// A directory of this machine, and what it is called in the program.
pub(super) struct Renamed {
    directory: PathBuf,
    name: &'static str,
}

/// Where the sources are: those of others, those that build scripts make, and our own.
pub(super) fn of_this_machine(metadata: &Value, target: &Path) -> Vec<Renamed> {
    let packages = metadata["packages"].as_array();
    // Each package has a directory, in one for all that are from one place.
    let sources: BTreeSet<PathBuf> = packages
        .into_iter()
        .flatten()
        .filter(|package| !package["source"].is_null())
        .filter_map(|package| package["manifest_path"].as_str())
        .filter_map(|manifest| Path::new(manifest).ancestors().nth(2))
        .map(Path::to_owned)
        .collect();
    let renamed = |directory, name| Renamed { directory, name };
    // Of several that fit, the compiler takes the last: the target directory may be in the checkout.
    std::iter::once(renamed(workspace::root(), "doorward"))
        .chain(
            sources
                .into_iter()
                .map(|sources| renamed(sources, "crates")),
        )
        .chain([renamed(target.to_owned(), "target")])
        .collect()
}

/// The flags that whoever builds has set, and ours, as cargo reads them.
pub(super) fn flags(ours: &[Renamed]) -> OsString {
    let given = match workspace::env("CARGO_ENCODED_RUSTFLAGS") {
        Some(encoded) => Some(encoded),
        None => workspace::env("RUSTFLAGS").map(|flags| {
            let flags = flags.to_string_lossy().into_owned();
            let flags: Vec<_> = flags.split_whitespace().collect();
            flags.join("\u{1f}").into()
        }),
    };
    let mut all = given.into_iter().collect::<Vec<_>>();
    for renamed in ours {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(&renamed.directory);
        flag.push("=");
        flag.push(renamed.name);
        all.push(flag);
    }
    all.join("\u{1f}".as_ref())
}

/// Looks for them in the program.
///
/// # Errors
/// One of them is in it.
pub(super) fn ensure_none(program: &Path, ours: &[Renamed]) -> Result {
    for renamed in ours {
        let mut wanted = renamed.directory.as_os_str().to_owned();
        wanted.push("/");
        // A checkout in `/src` is not told from the `src` of a package.
        if renamed.directory.components().count() < 3 {
            continue;
        }
        let status = Command::new("grep")
            .args(["--quiet", "--text", "--fixed-strings", "--regexp"])
            .arg(&wanted)
            .arg(program)
            .status()
            .map_err(|error| format!("grep: {error}"))?;
        match status.code() {
            Some(1) => {}
            Some(0) => {
                let wanted = renamed.directory.display();
                return Err(format!(
                    "a path of this machine is in the program: {wanted}"
                ));
            }
            _ => return Err(format!("grep failed: {status}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_program_does_not_tell_where_it_was_built() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        let metadata = serde_json::json!({ "packages": [
            { "source": null, "manifest_path": at("own/Cargo.toml") },
            { "source": "registry", "manifest_path": at("sources/index-1/a-1.0.0/Cargo.toml") },
            { "source": "registry", "manifest_path": at("sources/index-1/b-1.0.0/Cargo.toml") },
        ] });
        let ours = of_this_machine(&metadata, &at("target"));
        let names: Vec<_> = ours.iter().map(|renamed| renamed.name).collect();
        assert_eq!(names, ["doorward", "crates", "target"]);

        // As cargo calls it: a panic in what stands for a dependency.
        let source = at("sources/index-1/a-1.0.0/main.rs");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        fs::write(&source, "fn main() { panic!() }").unwrap();
        let build = |program: &Path, flags: &OsString| {
            let flags = flags.to_str().unwrap().split('\u{1f}').map(str::to_owned);
            let built = Command::new("rustc")
                .args(flags.filter(|flag| !flag.is_empty()))
                .arg(&source)
                .arg("-o")
                .arg(program)
                .status()
                .unwrap();
            assert!(built.success());
        };
        build(&at("tells"), &OsString::new());
        let refused = ensure_none(&at("tells"), &ours).unwrap_err();
        assert!(refused.contains("sources/index-1"), "{refused}");
        build(&at("silent"), &flags(&ours));
        ensure_none(&at("silent"), &ours).unwrap();
    }
}
