//! `cargo xtask package`: the directory of a release, with its bill of materials and checksums.

mod sbom;

use std::fs;
use std::path::Path;
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
    let (target, root) = (workspace::target_dir()?, workspace::root());
    let name = format!(
        "doorward-{}-{}-{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS
    );
    let directory = target.join("package").join(&name);
    // What an earlier run left must not get into a release.
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|error| told(&directory, &error))?;
    }
    fs::create_dir_all(&directory).map_err(|error| told(&directory, &error))?;
    let program = target.join("release/doorward");
    fs::copy(&program, directory.join("doorward")).map_err(|error| told(&program, &error))?;
    fs::write(directory.join("sbom.cdx.json"), bill).map_err(|error| told(&directory, &error))?;
    for part in ["packaging", "docs", "LICENSE", "CHANGELOG.md"] {
        let copied = Command::new("cp")
            .args(["-R", "--"])
            .arg(root.join(part))
            .arg(&directory)
            .status();
        success("cp", copied)?;
    }
    let shell = |script: &str, place: &Path| {
        done(
            script,
            Command::new("sh").args(["-euc", script]).current_dir(place),
        )
    };
    shell(
        "find . -type f ! -name SHA256SUMS ! -path '*/secrets/*' | sort | sed 's|^[.]/||' | xargs sha256sum > SHA256SUMS",
        &directory,
    )?;
    // The same content gives the same archive.
    let archive = format!(
        "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -c {name} | gzip -n > {name}.tar.gz \
         && sha256sum {name}.tar.gz > {name}.tar.gz.sha256"
    );
    shell(&archive, &target.join("package"))?;
    println!("{}", directory.with_extension("tar.gz").display());
    Ok(ExitCode::SUCCESS)
}

fn told(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn done(what: &str, command: &mut Command) -> Result {
    success(what, command.status())
}

fn success(what: &str, status: std::io::Result<std::process::ExitStatus>) -> Result {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what} failed: {status}")),
        Err(error) => Err(format!("{what}: {error}")),
    }
}
