//! `cargo xtask faults`: builds everything and lets `faults/` break what surrounds the server.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::{Result, build, workspace};

/// The last commit whose newest schema is the one before this one's: what a rolling upgrade meets.
const PREVIOUS: &str = "92c9b84";

/// Arguments of `faults`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Everything, for longer, and beside the release before; writes faults/report.md
    #[arg(long)]
    long: bool,
    /// Only this scenario; can be repeated
    #[arg(long)]
    only: Vec<String>,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut command = workspace::cargo();
    command.args([
        "build",
        "--package",
        "doorward",
        "--package",
        "doorward-faults",
    ]);
    let [server, faults] = build::binaries(&mut command, ["doorward", "doorward-faults"])?;
    let server = server.ok_or("cargo built no `doorward` binary")?;
    let faults = faults.ok_or("cargo built no `doorward-faults` binary")?;

    let target = workspace::target_dir()?;
    let mut command = Command::new(faults);
    command.arg("--binary").arg(server);
    for name in &args.only {
        command.args(["--only", name]);
    }
    if args.long {
        command.arg("--long");
        let wanted = |name: &String| name == "upgrade";
        if args.only.is_empty() || args.only.iter().any(wanted) {
            command.arg("--previous").arg(previous(&target)?);
        }
    }
    // The report that is kept is that of a whole long run.
    let kept = args.long && args.only.is_empty();
    command.arg("--out").arg(if kept {
        workspace::root().join("faults")
    } else {
        target.join("faults")
    });
    let status = command
        .status()
        .map_err(|error| format!("doorward-faults: {error}"))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The program of the release before, built from this repository's history.
fn previous(target: &Path) -> Result<PathBuf> {
    let sources = target.join("faults").join(PREVIOUS);
    let built = target.join("faults/build/debug/doorward");
    let stamp = sources.join(".built");
    if built.is_file() && stamp.is_file() {
        return Ok(built);
    }
    println!("building the release before ({PREVIOUS}) …");
    std::fs::create_dir_all(&sources).map_err(|error| format!("sources: {error}"))?;
    unpack(&sources)?;
    let status = workspace::cargo()
        .args(["build", "--package", "doorward"])
        .arg("--target-dir")
        .arg(target.join("faults/build"))
        .current_dir(&sources)
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("{PREVIOUS} does not build"));
    }
    std::fs::write(stamp, "").map_err(|error| format!("stamp: {error}"))?;
    Ok(built)
}

fn unpack(into: &Path) -> Result {
    let mut archive = Command::new("git")
        .args(["archive", PREVIOUS])
        .current_dir(workspace::root())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("git: {error}"))?;
    let stdout = archive.stdout.take().ok_or("git archive has no output")?;
    let unpacked = Command::new("tar")
        .arg("-x")
        .arg("-C")
        .arg(into)
        .stdin(stdout)
        .status()
        .map_err(|error| format!("tar: {error}"))?;
    let archived = archive.wait().map_err(|error| format!("git: {error}"))?;
    if archived.success() && unpacked.success() {
        Ok(())
    } else {
        Err(format!(
            "commit {PREVIOUS} is not here: fetch the whole history (git fetch --unshallow)"
        ))
    }
}
