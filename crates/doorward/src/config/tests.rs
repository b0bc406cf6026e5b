//! Loading as a whole, without a process: layers, secrets from files, judgement.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::sections::Email;
use super::*;

const KEY: &str = "ef04eecd2d92a393fcac58c21ee6832c24b690ab03a2e515431707a67a673c35";

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
        .collect()
}

fn load(flags: &[Override], environment: &Environment, file: Option<&Path>) -> Loaded {
    super::load(&Layers {
        flags,
        environment,
        data_dir: None,
        file,
    })
}

fn load_env(pairs: &[(&str, &str)]) -> Loaded {
    load(&[], &environment(pairs), None)
}

fn file(dir: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::File::create(&path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn told(loaded: &Loaded) -> String {
    loaded
        .problems
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}

#[test]
fn every_setting_is_read_by_some_section() {
    // Values under which every branch that reads further settings is taken.
    let loads = [
        environment(&[
            ("DOORWARD_SMS_PROVIDER", "twilio"),
            ("DOORWARD_SMTP_HOST", "mail.example"),
            ("DOORWARD_SMTP_PORT", "25"),
            ("DATABASE_URL", "sqlite:x.db"),
        ]),
        environment(&[("DOORWARD_SMS_PROVIDER", "webhook")]),
    ];
    let mut asked = std::collections::BTreeSet::new();
    for environment in loads {
        let mut problems = Vec::new();
        let values = Values::resolve(
            &Layers {
                flags: &[],
                environment: &environment,
                data_dir: None,
                file: None,
            },
            &mut problems,
        );
        let mut reader = Reader::new(&values, &mut problems);
        Config::read(&mut reader);
        asked.extend(reader.asked_for().iter().copied());
    }
    for variable in registry::ALL {
        assert!(
            asked.contains(variable.key),
            "{} is declared and never read",
            variable.key
        );
    }
}

#[test]
fn defaults_alone_are_well_formed() {
    let loaded = load_env(&[]);
    assert!(loaded.problems.is_empty(), "{}", told(&loaded));
    assert_eq!(loaded.config.server.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(loaded.config.admin.listen.to_string(), "127.0.0.1:3001");
}

#[test]
fn flags_win_over_environment_over_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(
        &dir,
        "d.toml",
        "[server]\nport = 1001\n[admin]\nport = 1002\n",
        0o644,
    );
    let environment = environment(&[("DOORWARD_PORT", "2001")]);
    let port = |overrides: &[Override]| {
        let loaded = load(overrides, &environment, Some(&path));
        assert!(loaded.problems.is_empty(), "{}", told(&loaded));
        (
            loaded.config.server.listen.port(),
            loaded.config.admin.listen.port(),
        )
    };
    assert_eq!(port(&[]), (2001, 1002));
    let flag = Override {
        variable: &registry::PORT,
        text: "3001".to_owned(),
        flag: "--port",
    };
    assert_eq!(port(&[flag]), (3001, 1002));
}

#[test]
fn our_name_wins_over_the_bare_one() {
    let loaded = load_env(&[("PORT", "1"), ("DOORWARD_PORT", "2")]);
    assert_eq!(loaded.config.server.listen.port(), 2);
    let loaded = load_env(&[("PORT", "1"), ("DATABASE_URL", "sqlite:x.db")]);
    assert_eq!(loaded.config.server.listen.port(), 1);
    assert!(loaded.config.database.is_some());
}

#[test]
fn every_problem_is_told_at_once() {
    let loaded = load_env(&[
        ("PORT", "99999"),
        ("DOORWARD_HOST", "localhost"),
        ("DOORWARD_PUBLIC_URL", "auth.example.com"),
        ("DATABASE_URL", "mysql://x"),
        ("DOORWARD_LOG_FORMAT", "xml"),
        ("DOORWARD_TRUSTED_PROXIES", "0.0.0.0/0, nonsense"),
        ("DOORWARD_MASTER_KEY", "short"),
        ("DOORWARD_PUBLIC_ULR", "https://a"),
        ("DOORWARD_SMS_PROVIDER", "twilio"),
        ("DOORWARD_SMTP_PASSWORD", "pw"),
    ]);
    let told = told(&loaded);
    for expected in [
        "PORT: must be a whole number, 0 to 65535",
        "DOORWARD_HOST: must be an IP address",
        "DOORWARD_PUBLIC_URL: must be an absolute",
        "DATABASE_URL: must begin with sqlite:",
        "DOORWARD_LOG_FORMAT: must be one of json, pretty",
        "`0.0.0.0/0` would believe everybody",
        "`nonsense` is not an IP range",
        "DOORWARD_MASTER_KEY: the master key must be 32 bytes",
        "DOORWARD_PUBLIC_ULR: no such setting; did you mean DOORWARD_PUBLIC_URL?",
        "DOORWARD_TWILIO_ACCOUNT_SID: must be set, because DOORWARD_SMS_PROVIDER is twilio",
        "DOORWARD_TWILIO_AUTH_TOKEN: must be set",
        "DOORWARD_TWILIO_FROM: must be set",
        "DOORWARD_SMTP_USER: must be set, because a mail password is set",
        "DOORWARD_SMTP_HOST: must be set, because other mail settings are",
    ] {
        assert!(told.contains(expected), "no `{expected}` in:\n{told}");
    }
    assert!(!told.contains("short"), "a secret was told:\n{told}");
}

#[test]
fn proxies_are_few_and_written_in_their_own_family() {
    for (given, why) in [
        ("0.0.0.0/0", "would believe everybody"),
        ("::/0", "would believe everybody"),
        ("0.0.0.0/1", "at least /8"),
        ("10.0.0.0/7", "at least /8"),
        ("8000::/1", "at least /16"),
        ("2000::/15", "at least /16"),
        ("::ffff:0:0/96", "covers IPv4 written as IPv6"),
        ("::ffff:10.0.0.0/104", "covers IPv4 written as IPv6"),
        ("::/16", "covers IPv4 written as IPv6"),
        ("::ffff:192.0.2.7", "covers IPv4 written as IPv6"),
    ] {
        let loaded = load_env(&[("DOORWARD_TRUSTED_PROXIES", given)]);
        let told = told(&loaded);
        let expected = format!("DOORWARD_TRUSTED_PROXIES: `{given}` {why}");
        assert!(
            told.contains(why) && told.contains(given),
            "no `{expected}` in:\n{told}"
        );
        assert!(loaded.config.server.trusted_proxies.is_empty());
    }
    let good = "10.0.0.0/8, 192.0.2.7, fc00::/16, 2001:db8::1, ::1";
    let loaded = load_env(&[("DOORWARD_TRUSTED_PROXIES", good)]);
    assert!(loaded.problems.is_empty(), "{}", told(&loaded));
    assert_eq!(loaded.config.server.trusted_proxies.len(), 5);
}

#[test]
fn a_secret_that_others_can_read_or_change_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    // Reading by the group is a way to hand a secret to a service; anything more is not.
    for (mode, noticed) in [
        (0o400, false),
        (0o600, false),
        (0o640, false),
        (0o440, false),
        (0o620, true),
        (0o660, true),
        (0o604, true),
        (0o602, true),
        (0o666, true),
    ] {
        let key = file(&dir, &format!("key-{mode:o}"), KEY, mode);
        let loaded = load_env(&[("DOORWARD_MASTER_KEY_FILE", key.to_str().unwrap())]);
        assert!(loaded.problems.is_empty(), "{}", told(&loaded));
        let found = loaded.values.readable_by_all();
        assert_eq!(found.len(), usize::from(noticed), "{mode:o}");
    }
}

#[test]
fn the_end_fits_into_what_container_platforms_allow() {
    let server = load_env(&[]).config.server;
    let all = server.unready + server.shutdown + crate::serve::BACKGROUND_GRACE;
    assert!(all <= std::time::Duration::from_secs(25), "{all:?}");
}

#[test]
fn a_guessable_master_key_is_a_problem() {
    let loaded = load_env(&[("DOORWARD_MASTER_KEY", &"0".repeat(64))]);
    assert!(told(&loaded).contains("DOORWARD_MASTER_KEY: the master key is not random"));
}

#[test]
fn secrets_come_from_files_without_their_newline() {
    let dir = tempfile::tempdir().unwrap();
    let key = file(&dir, "key", &format!("{KEY}\n"), 0o600);
    let loaded = load_env(&[("DOORWARD_MASTER_KEY_FILE", key.to_str().unwrap())]);
    assert!(loaded.problems.is_empty(), "{}", told(&loaded));
    assert_eq!(loaded.config.keys.master.unwrap().expose(), KEY);
    assert!(loaded.values.readable_by_all().is_empty());

    // By its bare name too, and in TOML relative to the file that names it.
    file(&dir, "health", "0123456789abcdef\r\n", 0o644);
    let toml = file(&dir, "d.toml", "[keys]\nmaster_key_file = \"key\"\n", 0o644);
    let health = dir.path().join("health");
    let environment = environment(&[("HEALTH_SECRET_FILE", health.to_str().unwrap())]);
    let loaded = load(&[], &environment, Some(&toml));
    assert!(loaded.problems.is_empty(), "{}", told(&loaded));
    assert_eq!(
        loaded.config.health.secret.unwrap().expose(),
        "0123456789abcdef"
    );
    assert_eq!(
        loaded.values.readable_by_all().len(),
        1,
        "the health file, not the TOML file"
    );
}

#[test]
fn secret_files_that_cannot_be_used_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let empty = file(&dir, "empty", "\n", 0o600);
    let loaded = load_env(&[
        ("DOORWARD_MASTER_KEY_FILE", "/does/not/exist"),
        ("HEALTH_SECRET_FILE", empty.to_str().unwrap()),
        ("DOORWARD_SMTP_PASSWORD", "a"),
        ("DOORWARD_SMTP_PASSWORD_FILE", "/x"),
    ]);
    let told = told(&loaded);
    assert!(
        told.contains("DOORWARD_MASTER_KEY_FILE: cannot read /does/not/exist"),
        "{told}"
    );
    assert!(told.contains("is empty"), "{told}");
    assert!(told.contains("are both set; keep one"), "{told}");
}

#[test]
fn a_toml_file_with_a_secret_in_it_must_not_be_readable_by_all() {
    let dir = tempfile::tempdir().unwrap();
    let toml = file(
        &dir,
        "d.toml",
        "[health]\nsecret = \"0123456789abcdef\"\n",
        0o644,
    );
    let loaded = load(&[], &Environment::default(), Some(&toml));
    assert_eq!(loaded.values.readable_by_all().len(), 1);
    std::fs::set_permissions(&toml, std::fs::Permissions::from_mode(0o640)).unwrap();
    let loaded = load(&[], &Environment::default(), Some(&toml));
    assert!(loaded.values.readable_by_all().is_empty());
}

#[test]
fn mail_server_by_url() {
    let url = "smtp://no-reply%40example.com:p%40ss+w@mail.example";
    let loaded = load_env(&[
        ("DOORWARD_SMTP_URL", url),
        ("DOORWARD_SMTP_FROM", "a@example.com"),
    ]);
    assert!(loaded.problems.is_empty(), "{}", told(&loaded));
    let Some(Email::Smtp(smtp)) = loaded.config.delivery.email else {
        panic!("SMTP")
    };
    assert_eq!((smtp.host.as_str(), smtp.port), ("mail.example", 587));
    let (user, password) = smtp.credentials.unwrap();
    assert_eq!(
        (user.as_str(), password.expose()),
        ("no-reply@example.com", "p@ss+w")
    );

    let both = load_env(&[
        ("DOORWARD_SMTP_URL", url),
        ("DOORWARD_SMTP_PORT", "25"),
        ("DOORWARD_SMTP_FROM", "a@example.com"),
    ]);
    assert!(told(&both).contains("DOORWARD_SMTP_PORT: is already said by DOORWARD_SMTP_URL"));
}

#[test]
fn half_a_mail_server_is_not_called_none() {
    let loaded = load_env(&[("DOORWARD_SMTP_HOST", "mail.example")]);
    assert!(told(&loaded).contains("DOORWARD_SMTP_FROM: must be set"));
    let verdict = safety::judge(&loaded.config, &loaded.values);
    let warnings: Vec<_> = verdict.warnings.iter().map(ToString::to_string).collect();
    let warnings = warnings.join(" ");
    assert!(!warnings.contains("no mail server"), "{warnings}");
    assert!(warnings.contains("no SMS provider"), "{warnings}");
}

#[test]
fn a_sound_deployment_is_accepted() {
    let loaded = load_env(&[
        ("DOORWARD_PUBLIC_URL", "https://auth.example.com"),
        ("DOORWARD_HOST", "0.0.0.0"),
        ("DOORWARD_TRUSTED_PROXIES", "10.0.0.0/8"),
        (
            "DATABASE_URL",
            "postgres://u:p@db.example/d?sslmode=verify-full",
        ),
        ("DOORWARD_MASTER_KEY", KEY),
        ("HEALTH_SECRET", "0123456789abcdef"),
        ("DOORWARD_SMTP_URL", "smtps://u:p@mail.example"),
        ("DOORWARD_SMTP_FROM", "a@example.com"),
    ]);
    assert!(loaded.problems.is_empty(), "{}", told(&loaded));
    let verdict = safety::judge(&loaded.config, &loaded.values);
    let refusals: Vec<_> = verdict.refusals.iter().map(ToString::to_string).collect();
    assert!(refusals.is_empty(), "{refusals:?}");
    assert_eq!(
        verdict.warnings.len(),
        1,
        "no SMS provider: {:?}",
        verdict.warnings
    );
    assert_eq!(loaded.config.server.issuer(), "https://auth.example.com");
}

#[test]
fn a_data_directory_implies_database_and_key() {
    let dir = tempfile::tempdir().unwrap();
    file(&dir, "master.key", KEY, 0o600);
    let database = |by_flag: bool, pairs: &[(&str, &str)]| {
        let data_dir = DataDir {
            path: dir.path().to_owned(),
            by_flag,
        };
        let environment = environment(pairs);
        let loaded = super::load(&Layers {
            flags: &[],
            environment: &environment,
            data_dir: Some(&data_dir),
            file: None,
        });
        assert!(loaded.problems.is_empty(), "{}", told(&loaded));
        assert_eq!(loaded.config.keys.master.unwrap().expose(), KEY);
        match loaded.config.database.unwrap() {
            Database::Sqlite(options) => options.path.display().to_string(),
            Database::Postgres(_) => "postgres".to_owned(),
        }
    };
    let implied = dir.path().join("doorward.db").display().to_string();
    let bare = &[("DATABASE_URL", "postgres://u@localhost/d")];
    let ours = &[("DOORWARD_DATABASE_URL", "postgres://u@localhost/d")];
    assert_eq!(database(true, &[]), implied);
    assert_eq!(
        database(true, bare),
        implied,
        "another program's DATABASE_URL is not ours"
    );
    assert_eq!(database(true, ours), "postgres");
    assert_eq!(database(false, &[]), implied);
    assert_eq!(
        database(false, bare),
        "postgres",
        "a container image sets DOORWARD_DATA_DIR"
    );
}

#[test]
fn a_database_url_that_does_not_parse_is_not_repeated() {
    for url in [
        "postgres://u:hunter2@h:x/d",
        "postgres://u@h/d?sslmode=prefer",
        "sqlite::memory:",
    ] {
        let loaded = load_env(&[("DATABASE_URL", url)]);
        assert_eq!(loaded.problems.len(), 1, "{url}");
        assert!(!told(&loaded).contains("hunter2"));
    }
}
