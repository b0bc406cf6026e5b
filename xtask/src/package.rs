//! `cargo xtask package`: the directory of a release, with its bill of materials and checksums.

mod paths;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use crate::{Result, workspace};

/// Arguments of `package`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only print the bill of materials (CycloneDX 1.5, JSON)
    #[arg(long)]
    sbom: bool,
    /// What to build for, as `rustc -vV` names it [default: this machine]
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// Builds and puts together.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let triple = match &args.target {
        Some(triple) => triple.clone(),
        None => host()?,
    };
    let metadata = metadata(&triple)?;
    let bill = sbom::cyclonedx(&metadata, &triple)?;
    if args.sbom {
        println!("{bill}");
        return Ok(ExitCode::SUCCESS);
    }
    let target = workspace::target_dir()?;
    let ours = paths::of_this_machine(&metadata, &target);
    let mut build = workspace::cargo();
    build
        .args(["build", "--release", "--locked", "--package", "doorward"])
        .args(["--target", &triple])
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", paths::flags(&ours));
    done("the build", &mut build)?;
    let program = target.join(&triple).join("release/doorward");
    paths::ensure_none(&program, &ours)?;
    let name = format!("doorward-{}-{triple}", env!("CARGO_PKG_VERSION"));
    let archive = assemble(&target.join("package"), &name, &program, &bill)?;
    println!("{}", archive.display());
    Ok(ExitCode::SUCCESS)
}

/// This machine.
fn host() -> Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| format!("rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc names no host".to_owned())
}

/// The packages that a program for this target is made of, and some more.
fn metadata(triple: &str) -> Result<Value> {
    let output = workspace::cargo()
        .args(["metadata", "--format-version=1", "--locked"])
        .args(["--filter-platform", triple])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err("cargo metadata failed".to_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// Puts the directory together, and the archive beside it.
fn assemble(place: &Path, name: &str, program: &Path, bill: &str) -> Result<PathBuf> {
    let directory = place.join(name);
    // What an earlier run left must not get into a release.
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|error| told(&directory, &error))?;
    }
    fs::create_dir_all(&directory).map_err(|error| told(&directory, &error))?;
    fs::copy(program, directory.join("doorward")).map_err(|error| told(program, &error))?;
    fs::write(directory.join("sbom.cdx.json"), bill).map_err(|error| told(&directory, &error))?;
    for part in ["packaging", "docs", "LICENSE", "CHANGELOG.md"] {
        let mut copy = Command::new("cp");
        copy.args(["-R", "--"]).arg(workspace::root().join(part));
        done("cp", copy.arg(&directory))?;
    }
    // Somebody may have tried the containers here.
    shell("rm -rf packaging/secrets* packaging/.env", &directory)?;
    shell(
        "find . -type f ! -name SHA256SUMS | sed 's|^[.]/||' | sort | tr '\\n' '\\0' | \
         xargs -0 sha256sum > SHA256SUMS",
        &directory,
    )?;
    // The same content gives the same archive, whatever the umask of this machine is.
    shell(
        &format!(
            "tar --sort=name --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner --mtime=@0 -c {name} | gzip -n > {name}.tar.gz \
             && sha256sum {name}.tar.gz > {name}.tar.gz.sha256"
        ),
        place,
    )?;
    Ok(place.join(format!("{name}.tar.gz")))
}

fn shell(script: &str, place: &Path) -> Result {
    let mut command = Command::new("sh");
    done(script, command.args(["-euc", script]).current_dir(place))
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn done(what: &str, command: &mut Command) -> Result {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what} failed: {status}")),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_checks_itself_and_is_the_same_every_time() {
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("program");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let name = "doorward-1.2.3-cpu-os";
        let once = || {
            let archive = assemble(scratch.path(), name, &program, "{}").unwrap();
            assert_eq!(archive.file_name().unwrap(), "doorward-1.2.3-cpu-os.tar.gz");
            fs::read(archive).unwrap()
        };
        assert_eq!(once(), once());
        let check = "sha256sum --check --quiet doorward-1.2.3-cpu-os.tar.gz.sha256 && rm -r doorward-1.2.3-cpu-os \
                     && tar xzf doorward-1.2.3-cpu-os.tar.gz && cd doorward-1.2.3-cpu-os \
                     && sha256sum --check --quiet SHA256SUMS && grep -q ' doorward$' SHA256SUMS \
                     && grep -q packaging/systemd/doorward@.service SHA256SUMS \
                     && ! grep -q packaging/secrets SHA256SUMS";
        shell(check, scratch.path()).unwrap();
        // Whoever unpacks it can read everything, and nobody else write to it.
        let modes = "find doorward-1.2.3-cpu-os -printf '%m\\n' | sort -u | tr '\\n' ' ' > modes";
        shell(modes, scratch.path()).unwrap();
        let modes = fs::read_to_string(scratch.path().join("modes")).unwrap();
        assert_eq!(modes, "644 755 ");
    }
}
