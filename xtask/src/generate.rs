//! `cargo xtask generate`: the reference pages that are made from the code and committed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use doorward_domain::Code;
use doorward_domain::audit::Action;

use crate::{Result, build, workspace};

/// Arguments of `generate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Change nothing; fail and show the difference when a committed page is not up to date
    #[arg(long)]
    check: bool,
}

/// Where a page comes from.
enum Source {
    /// The domain's own lists.
    Text(fn() -> String),
    /// What the binary prints.
    Binary(&'static [&'static str]),
}

const PAGES: &[(&str, Source)] = &[
    ("docs/reference/error-codes.md", Source::Text(error_codes)),
    (
        "docs/reference/audit-actions.md",
        Source::Text(audit_actions),
    ),
    (
        "docs/reference/openapi.json",
        Source::Binary(&["openapi", "--face", "public"]),
    ),
    (
        "docs/reference/openapi-operator.json",
        Source::Binary(&["openapi", "--face", "operator"]),
    ),
    (
        "docs/reference/configuration.md",
        Source::Binary(&["config", "reference", "--markdown"]),
    ),
    (
        "docs/reference/cli.md",
        Source::Binary(&["help", "--markdown"]),
    ),
];

/// Writes or compares them.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let binary = build::doorward()?;
    let mut stale = 0;
    for (page, source) in PAGES {
        let path = workspace::root().join(page);
        let wanted = match source {
            Source::Text(make) => make(),
            Source::Binary(arguments) => match ask(&binary, arguments)? {
                Some(text) => text,
                None if path.exists() => {
                    return Err(format!(
                        "{page} is committed, but `doorward {}` is gone",
                        arguments.join(" ")
                    ));
                }
                None => {
                    println!(
                        "skipped {page}: there is no `doorward {}` yet",
                        arguments.join(" ")
                    );
                    continue;
                }
            },
        };
        let committed = fs::read_to_string(&path).unwrap_or_default();
        if committed == wanted {
            println!("up to date {page}");
        } else if args.check {
            stale += 1;
            println!("NOT up to date {page}");
            show_difference(&path, &wanted)?;
        } else {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(|error| format!("{page}: {error}"))?;
            }
            fs::write(&path, wanted).map_err(|error| format!("{page}: {error}"))?;
            println!("written {page}");
        }
    }
    if stale > 0 {
        return Err(format!(
            "{stale} pages are not up to date: run `cargo xtask generate` and commit"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the binary prints, or `None` when it does not know the command.
fn ask(binary: &Path, arguments: &[&str]) -> Result<Option<String>> {
    let shown = format!("doorward {}", arguments.join(" "));
    let output = Command::new(binary)
        .args(arguments)
        // The pages must not depend on the terminal, the locale or the settings of whoever runs this.
        .env_clear()
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        let mut text =
            String::from_utf8(output.stdout).map_err(|error| format!("{shown}: {error}"))?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        return Ok(Some(text));
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    // Clap's exit code for a command line it does not understand.
    if output.status.code() == Some(2) && complaint.contains("unrecognized subcommand") {
        return Ok(None);
    }
    Err(format!(
        "{shown}: {}",
        workspace::last_lines(&complaint, 10)
    ))
}

fn show_difference(path: &Path, wanted: &str) -> Result {
    let scratch = tempfile::NamedTempFile::new().map_err(|error| format!("scratch: {error}"))?;
    fs::write(scratch.path(), wanted).map_err(|error| format!("scratch: {error}"))?;
    let committed = if path.exists() {
        path.to_owned()
    } else {
        PathBuf::from("/dev/null")
    };
    let shown = Command::new("diff")
        .args(["-u", "--label", "committed", "--label", "generated"])
        .arg(committed)
        .arg(scratch.path())
        .status();
    if shown.is_err() {
        println!("(install `diff` to see the difference)");
    }
    Ok(())
}

/// The text of doc comments, which come with their leading spaces.
fn sentence(meaning: &str) -> String {
    meaning
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

const NOTE: &str = "<!-- Made by `cargo xtask generate`. Do not edit. -->\n";

fn error_codes() -> String {
    let mut page = format!(
        "{NOTE}\n# Error codes\n\n\
        The list is closed: a program may switch on `error`. The message beside it is for people and \
        may change. Every error body is `{{ \"error\", \"message\", \"status\", \"request_id\" }}`; \
        `VALIDATION_ERROR` adds `details`, limits and locks add `retry_after` (seconds) and the \
        `Retry-After` header.\n\n\
        | code | status | meaning | default message |\n|---|---|---|---|\n"
    );
    for code in Code::ALL {
        page.push_str(&format!(
            "| `{code}` | {} | {} | {} |\n",
            code.status(),
            sentence(code.meaning()),
            sentence(code.message())
        ));
    }
    page
}

fn audit_actions() -> String {
    let mut page = format!(
        "{NOTE}\n# Audit actions\n\n\
        What `action` can be in an audit event. An event whose `outcome` is `refused` names the error \
        code in `reason`.\n\n\
        | action | meaning |\n|---|---|\n"
    );
    for action in Action::ALL {
        page.push_str(&format!(
            "| `{}` | {} |\n",
            action.as_str(),
            sentence(action.meaning())
        ));
    }
    page
}
