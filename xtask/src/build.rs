//! Building, and where the results are.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Result, workspace};

/// Compiles the `doorward` binary and says where it is.
pub(crate) fn doorward() -> Result<PathBuf> {
    let mut command = workspace::cargo();
    command.args(["build", "--package", "doorward"]);
    let [built] = binaries(&mut command, ["doorward"])?;
    built.ok_or_else(|| "cargo built no `doorward` binary".to_owned())
}

/// Runs a cargo command that builds, and says where these binaries are.
pub(crate) fn binaries<const N: usize>(
    command: &mut Command,
    names: [&str; N],
) -> Result<[Option<PathBuf>; N]> {
    let output = command
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the build failed".to_owned());
    }
    let messages: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    Ok(names.map(|name| {
        messages
            .iter()
            .find_map(|message| executable(message, name))
    }))
}

/// The path of a binary, if this message of cargo's is about it and it is not its unit tests.
fn executable(message: &Value, name: &str) -> Option<PathBuf> {
    let is_it = message.pointer("/target/name")? == name
        && message.pointer("/target/kind/0")? == "bin"
        && message.pointer("/profile/test")? == false;
    let path = message.get("executable")?.as_str()?;
    is_it.then(|| PathBuf::from(path))
}
