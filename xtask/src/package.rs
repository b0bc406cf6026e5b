//! `cargo xtask package`: the directory of a release, with its bill of materials and checksums.

mod sbom;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::{Result, workspace};

/// Arguments of `package`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only print the bill of materials (CycloneDX 1.5, JSON)
    #[arg(long)]
    sbom: bool,
}

/// Builds and puts together.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let bill = sbom::cyclonedx()?;
    if args.sbom {
        println!("{bill}");
        return Ok(ExitCode::SUCCESS);
    }
    done(
        "the build",
        workspace::cargo().args(["build", "--release", "--locked", "--package", "doorward"]),
    )?;
    let target = workspace::target_dir()?;
    let name = format!(
        "doorward-{}-{}-{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    );
    let archive = assemble(
        &target.join("package"),
        &name,
        &target.join("release/doorward"),
        &bill,
    )?;
    println!("{}", archive.display());
    Ok(ExitCode::SUCCESS)
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
    // The same content gives the same archive.
    shell(
        &format!(
            "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -c {name} | gzip -n > {name}.tar.gz \
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
    }
}
