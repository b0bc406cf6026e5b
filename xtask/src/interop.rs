//! What tests against other people's programs need: a Python environment and Node packages.
//!
//! Both are made once and kept; they are made again when the pinned versions change.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, workspace};

/// The interpreter of an environment that has what `interop/requirements.txt` names.
pub(crate) fn python(target: &Path) -> Result<PathBuf> {
    let venv = target.join("interop/venv");
    let interpreter = venv.join("bin/python");
    let requirements = workspace::root().join("interop/requirements.txt");
    let wanted = fs::read(&requirements).map_err(|error| format!("requirements.txt: {error}"))?;
    let stamp = venv.join("requirements.installed");
    if interpreter.is_file() && fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(interpreter);
    }
    eprintln!("preparing the Python environment …");
    let base = workspace::find_program("python3", &[]).ok_or("python3 is not installed")?;
    if venv.exists() {
        fs::remove_dir_all(&venv).map_err(|error| format!("old environment: {error}"))?;
    }
    quietly(Command::new(base).args(["-m", "venv"]).arg(&venv))
        .map_err(|error| format!("python3 -m venv failed (python3-venv missing?): {error}"))?;
    quietly(
        Command::new(&interpreter)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&requirements),
    )
    .map_err(|error| format!("pip install failed: {error}"))?;
    fs::write(&stamp, wanted).map_err(|error| format!("stamp: {error}"))?;
    Ok(interpreter)
}

/// Node and the directory of packages that `interop/package-lock.json` names.
pub(crate) fn node() -> Result<(PathBuf, PathBuf)> {
    let node = workspace::find_program("node", &[]).ok_or("node is not installed")?;
    let folder = workspace::root().join("interop");
    let modules = folder.join("node_modules");
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).map_err(|error| format!("package-lock.json: {error}"))?;
    let stamp = modules.join(".installed");
    if !fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        eprintln!("installing the Node packages …");
        let npm = workspace::find_program("npm", &[]).ok_or("npm is not installed")?;
        quietly(
            Command::new(npm)
                .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
                .current_dir(&folder),
        )
        .map_err(|error| format!("npm ci failed: {error}"))?;
        fs::write(&stamp, wanted).map_err(|error| format!("stamp: {error}"))?;
    }
    Ok((node, modules))
}

/// Runs a command whose output matters only when it fails.
fn quietly(command: &mut Command) -> Result {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(workspace::last_lines(&String::from_utf8_lossy(&text), 5))
}
