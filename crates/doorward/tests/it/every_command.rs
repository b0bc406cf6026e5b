//! Each command of the command line is run by a test: whoever adds one without a test is told here.

use std::path::Path;

use crate::support::{doorward, run};

/// The texts of a source that stand in it as literals: those that follow one another as the elements
/// of a list on one line, joined by blanks; everything else on lines of its own. So a command that is
/// given as `"app create …"`, as `["app", "create", …]` or to `.arg("app")` begins a line.
fn commands_in(source: &str) -> String {
    let mut out = String::from("\n");
    let mut rest = source.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '/' if rest.peek() == Some(&'/') => {
                for skipped in rest.by_ref() {
                    if skipped == '\n' {
                        break;
                    }
                }
            }
            '"' => {
                while let Some(inside) = rest.next() {
                    match inside {
                        '"' => break,
                        '\\' => drop(rest.next()),
                        '\n' => out.push(' '),
                        other => out.push(other),
                    }
                }
            }
            ',' | ' ' | '\n' => {
                if !out.ends_with([' ', '\n']) {
                    out.push(' ');
                }
            }
            _ => {
                if !out.ends_with('\n') {
                    out.push('\n');
                }
            }
        }
    }
    out.push('\n');
    out
}

/// Whether a test gives this command, as a whole.
fn is_run(command: &str, sources: &str) -> bool {
    let begins = format!("\n{command}");
    sources
        .match_indices(&begins)
        .any(|(at, found)| matches!(sources[at + found.len()..].chars().next(), Some(' ' | '\n')))
}

fn sources(folder: &Path, out: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|kind| kind == "rs")
            && !path.ends_with("every_command.rs")
        {
            out.push_str(&commands_in(&std::fs::read_to_string(path).unwrap()));
        }
    }
}

/// The commands that have none below them, as the program itself explains them.
fn leaves() -> Vec<String> {
    let reference = run(doorward().args(["help", "--markdown"])).ok().out;
    let all: Vec<_> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("## `doorward ")?.strip_suffix('`'))
        .collect();
    assert!(
        all.contains(&"app create") && all.contains(&"app"),
        "{all:?}"
    );
    let has_some_below = |command: &str| {
        let below = format!("{command} ");
        all.iter().any(|other| other.starts_with(&below))
    };
    all.iter()
        .filter(|command| !has_some_below(command))
        .map(ToString::to_string)
        .collect()
}

#[test]
fn every_command_is_run_by_a_test() {
    let mut given = String::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"),
        &mut given,
    );
    let missing: Vec<_> = leaves()
        .into_iter()
        .filter(|command| !is_run(command, &given))
        .collect();
    assert!(missing.is_empty(), "no test runs {missing:?}");
    for made_up in ["app destroy", "user eras", "incidents"] {
        assert!(!is_run(made_up, &given), "{made_up}");
    }
}

#[test]
fn what_counts_as_run() {
    let source = r#"
        // "app create" in a comment
        cli(data, &["app", "list", "--json"]);
        let text = format!("org show {org} --app demo");
        command.arg("serve").env("X", "y");
        assert!(said.contains("try `doorward app update`"));
        f("user", g("orgs"));
        let spread = [
            "key",
            "rotate",
        ];"#;
    let given = commands_in(source);
    for run in ["app list", "org show", "serve", "key rotate"] {
        assert!(is_run(run, &given), "{run}: {given}");
    }
    for not in ["app create", "app update", "user orgs", "list", "rotate"] {
        assert!(!is_run(not, &given), "{not}: {given}");
    }
}
