//! `cargo xtask faults`: builds everything and lets `faults/` break what surrounds the server.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::{Result, build, workspace};

/// The last commit whose newest schema is the one before this one's: what a rolling upgrade meets.
const PREVIOUS: &str = "6247b7f";

/// Arguments of `faults`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Everything, for longer, and beside the release before; writes faults/report.md
    #[arg(long)]
    long: bool,
    /// Only this scenario; can be repeated
    #[arg(long)]
    only: Vec<String>,
    /// Leave the directories with logs and databases, and say where they are
    #[arg(long)]
    keep: bool,
}

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let target = workspace::target_dir()?;
    let wanted = args.only.is_empty() || args.only.iter().any(|name| name == "upgrade");
    let previous = if args.long && wanted {
        Some(previous(&target)?)
    } else {
        None
    };
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

    let mut command = Command::new(faults);
    command.arg("--binary").arg(server);
    for name in &args.only {
        command.args(["--only", name]);
    }
    if args.keep {
        command.arg("--keep");
    }
    if args.long {
        command.arg("--long");
    }
    if let Some(previous) = previous {
        command.arg("--previous").arg(previous);
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
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The program of the release before, built from this repository's history. In a directory of its
/// own: cargo knows the crates of a workspace by their names, and would take the one's for the other's.
fn previous(target: &Path) -> Result<PathBuf> {
    let sources = target.join("faults").join(PREVIOUS);
    let program = target.join(format!("faults/doorward-{PREVIOUS}"));
    if program.is_file() {
        return Ok(program);
    }
    println!("building the release before ({PREVIOUS}) …");
    std::fs::create_dir_all(&sources).map_err(|error| format!("sources: {error}"))?;
    unpack(&sources)?;
    let mut command = workspace::cargo();
    command
        .args(["build", "--package", "doorward"])
        .arg("--target-dir")
        .arg(target.join("faults/build"))
        .current_dir(&sources);
    let [built] = build::binaries(&mut command, ["doorward"])
        .map_err(|error| format!("{PREVIOUS}: {error}"))?;
    let built = built.ok_or("cargo built no `doorward` binary")?;
    // Whole or not at all.
    let copy = program.with_extension("new");
    std::fs::copy(built, &copy).map_err(|error| format!("the release before: {error}"))?;
    std::fs::rename(&copy, &program).map_err(|error| format!("the release before: {error}"))?;
    Ok(program)
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
