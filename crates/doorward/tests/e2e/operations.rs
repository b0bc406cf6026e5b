//! docs/operations: every command marked `sh test` is run, in the order of the pages, as root, in a
//! scratch copy of this machine with a network of its own.
//!
//! Three commands are stand-ins: `apt-get` looks whether packages are installed, `certbot` has an
//! authority of this test sign, and `systemctl` starts what the unit files say.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use doorward_testkit::skip;

use crate::page;

const APT_GET: &str = r#"#!/bin/sh
# Looks whether the packages are there. certbot is a stand-in too.
set -eu
for word; do
  case $word in
    update | install | -y | certbot) ;;
    *) dpkg-query -W -f '${Status}' "$word" | grep -q 'ok installed' || { echo "$word is not installed"; exit 1; } ;;
  esac
done
"#;

const CERTBOT: &str = r#"#!/bin/sh
# As certbot --standalone: somebody must find the answer through port 80 of the domain.
set -eu
while [ $# -gt 0 ]; do
  case $1 in
    --domain) domain=$2; shift ;;
    --http-01-port) port=$2; shift ;;
  esac
  shift
done
scratch=$(mktemp -d)
mkdir -p "$scratch/.well-known/acme-challenge"
echo answer > "$scratch/.well-known/acme-challenge/token"
python3 -m http.server --bind 127.0.0.1 --directory "$scratch" "$port" > /dev/null 2>&1 &
server=$!
curl -fsS --retry 20 --retry-delay 1 --retry-all-errors "http://$domain/.well-known/acme-challenge/token" | grep -q answer
kill $server
live=/etc/letsencrypt/live/$domain
mkdir -p "$live"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$domain" \
  -keyout "$live/privkey.pem" -out "$live/csr.pem" 2> /dev/null
printf 'subjectAltName=DNS:%s\n' "$domain" > "$live/ext"
openssl x509 -req -in "$live/csr.pem" -CA "$AUTHORITY/ca.crt" -CAkey "$AUTHORITY/ca.key" -CAcreateserial \
  -days 90 -extfile "$live/ext" -out "$live/fullchain.pem" 2> /dev/null
"#;

const SYSTEMCTL: &str = r#"#!/bin/sh
# Starts and stops what the unit files say, without their restrictions.
set -eu
verb=$1
shift
[ "${1:-}" = --now ] && shift
pg() { pg_ctlcluster "$(ls /etc/postgresql | sort -n | tail -n 1)" main "$1"; }
proxy() {
  old=$(cat /run/haproxy.pid 2> /dev/null || true)
  haproxy -D -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid ${old:+-sf $old}
}
unit() { sed -n "s/^$1=//p" /etc/systemd/system/doorward@.service | sed "s/%i/$node/"; }
backup() {
  file=/etc/systemd/system/doorward-backup.service
  sed -n 's/^ExecStart=//p' "$file" | sed 's/\$\$/$/g; s/%%/%/g' > /run/doorward-backup.sh
  [ -s /run/doorward-backup.sh ]
  cd "$(sed -n 's/^WorkingDirectory=//p' "$file")"
  umask "$(sed -n 's/^UMask=//p' "$file")"
  runuser -u "$(sed -n 's/^User=//p' "$file")" -- sh -eu /run/doorward-backup.sh
}
start() {
  settings=$(unit Environment)
  file=$(unit EnvironmentFile)
  command=$(unit ExecStart)
  [ "$(unit User)" = doorward ]
  # As ProtectSystem=strict, StateDirectory, PrivateTmp, CapabilityBoundingSet and NoNewPrivileges.
  [ "$(unit ProtectSystem)$(unit StateDirectory)$(unit CapabilityBoundingSet)" = strictdoorward ]
  install -d -m 700 -o doorward -g doorward /var/lib/doorward
  setsid unshare --mount sh -euc '
    mount --bind /var/lib/doorward /var/lib/doorward
    for place in / /etc /var /usr/local /root /run; do mount -o remount,bind,ro $place; done
    mount -t tmpfs tmpfs /tmp
    exec setpriv --reuid=doorward --regid=doorward --init-groups --no-new-privs --inh-caps=-all --bounding-set=-all \
      env -i PATH=/usr/local/bin "$@"' sh $settings $(cat "$file") $command \
    > /var/log/doorward-$node.log 2>&1 < /dev/null &
  echo $! > /run/doorward-$node.pid
}
stop() {
  pid=$(cat /run/doorward-$node.pid)
  kill -TERM "$pid" 2> /dev/null || true
  for n in $(seq 300); do kill -0 "$pid" 2> /dev/null || return 0; sleep 0.2; done
  echo "node $node does not stop"; exit 1
}
[ "$verb" = daemon-reload ] && exit 0
for what; do
  node=${what#doorward@}
  case $verb:$what in
    restart:postgresql) pg restart ;;
    enable:doorward-backup.timer) [ -e /etc/systemd/system/doorward-backup.timer ] ;;
    start:doorward-backup.service) (backup) ;;
    restart:haproxy | reload:haproxy) proxy ;;
    enable:doorward@* | start:doorward@*) start ;;
    stop:doorward@*) stop ;;
    restart:doorward@*) stop; start ;;
    *) echo "systemctl $verb $what is not known here"; exit 1 ;;
  esac
done
"#;

/// A copy of the machine whose changes go nowhere: what follows may write where it likes.
const MACHINE: &str = r#"
set -eu
cd "$SCRATCH"
mkdir layers && mount -t tmpfs -o size=4g tmpfs layers
for place in etc var usr/local root; do
  name=$(echo $place | tr / -)
  mkdir -p layers/$name/upper layers/$name/work
  mount -t overlay overlay -o lowerdir=/$place,upperdir=layers/$name/upper,workdir=layers/$name/work /$place
done
mount -t tmpfs tmpfs /run
install -d -o postgres -g postgres /run/postgresql
install -d -o haproxy -g haproxy /run/haproxy
ip link set lo up
printf '127.0.0.1 localhost auth.example.com\n::1 localhost\n' > /etc/hosts
pg=$(ls /usr/lib/postgresql | sort -n | tail -n 1)
rm -rf /etc/postgresql/* /var/lib/postgresql/*
pg_createcluster "$pg" main > /dev/null
pg_ctlcluster "$pg" main start
mkdir -p "$AUTHORITY"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=test' \
  -addext basicConstraints=critical,CA:TRUE -keyout "$AUTHORITY/ca.key" -out "$AUTHORITY/ca.crt" 2> /dev/null
chmod 755 "$SCRATCH"
# As a public authority: the machine trusts it.
install -m 644 "$AUTHORITY/ca.crt" /usr/local/share/ca-certificates/doorward-test.crt
update-ca-certificates > /dev/null 2>&1
cd "$SCRATCH/download"
set -x
"#;

/// What is true of the machine when all is done.
const AFTERWARDS: &str = r#"
set +x
echo "--- afterwards"
[ "$(curl -s -o /dev/null -w '%{http_code}' https://auth.example.com/admin/apps)" = 404 ]
[ "$(curl -s -o /dev/null -w '%{http_code}' http://auth.example.com/health)" = 308 ]
for file in master.key health.secret database.url doorward.toml; do
  [ "$(stat -c %a:%U:%G /etc/doorward/$file)" = 640:root:doorward ]
done
# Both nodes came back from the upgrade, and nothing of it is left.
for port in 3000 3010; do curl -fsS http://127.0.0.1:$port/health > /dev/null; done
[ ! -e /usr/local/bin/doorward.new ]
# The app is still there after a restore and an upgrade, and through both nodes.
id=$(jq -r .app_id /root/my-shop.json) secret=$(jq -r .app_secret /root/my-shop.json)
for n in 1 2 3 4; do
  said=$(curl -s -u "$id:$secret" -H 'Content-Type: application/json' -d '{"refresh_token":"x"}' https://auth.example.com/auth/refresh)
  echo "$said" | jq -e '.error == "TOKEN_INVALID"' > /dev/null
  curl -s -u "$id:wrong$n" -H 'Content-Type: application/json' -d '{"refresh_token":"x"}' https://auth.example.com/auth/refresh |
    jq -e '.status == 401' > /dev/null
done
runuser -u doorward -- doorward audit list --limit 100 --json 2> /dev/null | grep -q platform.restored ||
  runuser -u postgres -- psql -d doorward -tAc "SELECT 1 FROM audit_events WHERE action = 'platform.restored'" | grep -q 1
# Half a dump is nowhere, and nobody else reads a whole one.
[ ! -e /var/backups/doorward/unfinished ]
[ "$(stat -c %a:%U /var/backups/doorward/doorward-*.dump)" = 600:postgres ]
# PostgreSQL takes nothing from Doorward's user without TLS.
password=$(sed -E 's|.*doorward:([^@]+)@.*|\1|' /etc/doorward/database.url)
! PGPASSWORD=$password psql "host=127.0.0.1 user=doorward dbname=doorward sslmode=disable" -c 'SELECT 1' 2> /dev/null
echo "--- all is well"
"#;

/// The programs that a machine must have for this, beside what the page installs.
const NEEDED: &[&str] = &[
    "unshare",
    "ip",
    "useradd",
    "runuser",
    "setsid",
    "setpriv",
    "openssl",
    "curl",
    "jq",
    "haproxy",
    "pg_createcluster",
    "pg_ctlcluster",
    "python3",
    "sha256sum",
    "update-ca-certificates",
];

fn script(pages: &[&str]) -> String {
    let mut text = String::new();
    for page in pages {
        let path = format!("docs/operations/{page}");
        let blocks = page::blocks(&page::read(&path));
        let mut tested = 0;
        for block in blocks {
            if (block.language.as_str(), block.file.as_str()) == ("sh", "test") {
                text.push_str(&block.text);
                tested += 1;
            }
        }
        assert!(tested > 0, "{page} has commands");
    }
    text
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn from_a_bare_machine_to_production_and_on() {
    if !skip::a_machine_can_be_copied(NEEDED) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (download, stubs) = (
        scratch.path().join("download"),
        scratch.path().join("stubs"),
    );
    let release = download.join("doorward-test");
    for directory in [&download, &release, &stubs] {
        std::fs::create_dir(directory).unwrap();
    }
    for (name, text) in [
        ("apt-get", APT_GET),
        ("certbot", CERTBOT),
        ("systemctl", SYSTEMCTL),
    ] {
        write(&stubs.join(name), text, 0o755);
    }
    // The directory of a release.
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let link = |to: &Path, name: &str| {
        std::os::unix::fs::symlink(to, release.join(name)).unwrap();
    };
    link(Path::new(env!("CARGO_BIN_EXE_doorward")), "doorward");
    link(&root.join("packaging").canonicalize().unwrap(), "packaging");
    let sums = Command::new("sha256sum")
        .arg("doorward")
        .current_dir(&release)
        .output()
        .unwrap();
    std::fs::write(release.join("SHA256SUMS"), sums.stdout).unwrap();
    let pack = "tar -ch doorward-test | gzip -1 > doorward-test.tar.gz && rm -r doorward-test \
                && sha256sum doorward-test.tar.gz > doorward-test.tar.gz.sha256";
    let packed = Command::new("sh")
        .args(["-euc", pack])
        .current_dir(&download)
        .status();
    assert!(packed.unwrap().success());

    let pages = ["linux-host.md", "monitoring.md", "backup.md", "upgrade.md"];
    let story = format!("{MACHINE}{}{AFTERWARDS}", script(&pages));
    let path = scratch.path().join("story.sh");
    std::fs::write(&path, story).unwrap();
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .args(["sh", "-eu"])
        .arg(&path)
        .env_clear()
        .env(
            "PATH",
            format!(
                "{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                stubs.display()
            ),
        )
        .env("HOME", "/root")
        .env("SCRATCH", scratch.path())
        .env("AUTHORITY", scratch.path().join("authority"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("--- all is well"),
        "{said}\n{complaint}"
    );
}

/// Every command of the pages is marked to be run, but those that another test runs or that stand for
/// what only the reader has.
#[test]
fn no_command_is_left_out_unnoticed() {
    for page in ["linux-host.md", "monitoring.md", "upgrade.md"] {
        let blocks = page::blocks(&page::read(&format!("docs/operations/{page}")));
        let untested: Vec<_> = blocks
            .iter()
            .filter(|block| block.language == "sh" && block.file != "test")
            .map(|block| block.text.as_str())
            .collect();
        assert!(untested.is_empty(), "{page}: {untested:?}");
    }
    // SQLite's commands and `db copy` are run by the tests of the command line.
    let blocks = page::blocks(&page::read("docs/operations/backup.md"));
    let untested = blocks
        .iter()
        .filter(|block| block.language == "sh" && block.file.is_empty());
    for block in untested {
        let known = [
            "doorward backup --to",
            "doorward restore --from",
            "doorward db copy --from",
        ];
        assert!(
            known.iter().any(|start| block.text.starts_with(start)),
            "{}",
            block.text
        );
    }
}

/// The unit is sound, and as closed as it was.
#[test]
fn the_unit_is_sound_and_closed() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("doorward@.service");
    // Only where the program is installed would its path be found.
    let unit = page::read("packaging/systemd/doorward@.service");
    let here = unit.replace("/usr/local/bin/doorward", env!("CARGO_BIN_EXE_doorward"));
    std::fs::write(&path, here).unwrap();
    std::os::unix::fs::symlink(&path, scratch.path().join("doorward@1.service")).unwrap();
    let analyze = |arguments: &[&str], file: &str| {
        Command::new("systemd-analyze")
            .args(arguments)
            .arg(scratch.path().join(file))
            .output()
    };
    let Ok(verified) = analyze(&["verify", "--man=no"], "doorward@1.service") else {
        println!("skipped: no systemd-analyze");
        return;
    };
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
    // An exposure of 10.0 is a program without any restriction.
    let closed = ["security", "--offline=yes", "--threshold=15", "--no-pager"];
    let closed = analyze(&closed, "doorward@.service").unwrap();
    assert!(
        closed.status.success(),
        "{}",
        String::from_utf8_lossy(&closed.stdout)
    );
}

/// Without a container runtime: the secrets are made as compose.yaml wants them, and the certificate is
/// the one that the URL's host will be verified by.
#[test]
fn the_secrets_of_the_containers_fit_together() {
    if !skip::a_machine_can_be_copied(&["openssl", "python3"]) {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    for file in ["compose.yaml", "compose-secrets.sh"] {
        write(
            &scratch.path().join(file),
            &page::read(&format!("packaging/{file}")),
            0o755,
        );
    }
    let run = |program: &str, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .current_dir(scratch.path())
            .output()
            .unwrap()
    };
    let without_address = run("sh", &["compose-secrets.sh"]);
    assert!(!without_address.status.success());
    assert!(!scratch.path().join("secrets").exists());
    let address = "https://auth.example.com";
    let made = run("sh", &["compose-secrets.sh", address]);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    assert!(
        !run("sh", &["compose-secrets.sh", address]).status.success(),
        "never twice"
    );
    let verify = [
        "verify",
        "-CAfile",
        "secrets/database-ca.crt",
        "-verify_hostname",
        "database",
        "secrets/database.crt",
    ];
    assert!(run("openssl", &verify).status.success());
    let read =
        |name: &str| std::fs::read_to_string(scratch.path().join("secrets").join(name)).unwrap();
    assert!(read("database.url").contains(&format!(":{}@database/", read("database.password"))));
    assert!(!scratch.path().join("secrets/ca.key").exists());
    // Every variable that compose.yaml asks for is told; the program is never root.
    let compose = page::read("packaging/compose.yaml");
    let settings = std::fs::read_to_string(scratch.path().join(".env")).unwrap();
    for part in compose.split("${").skip(1) {
        let name = part.split(':').next().unwrap();
        assert!(settings.contains(&format!("{name}=")), "{name}: {settings}");
    }
    assert!(
        settings.contains(&format!("DOORWARD_PUBLIC_URL={address}\n")),
        "{settings}"
    );
    assert!(!settings.contains("UID=0\n"), "{settings}");
    // No checkout is around it.
    assert!(
        settings.contains("DOORWARD_PROGRAM=release\n"),
        "{settings}"
    );

    // Each secret of compose.yaml is made, and each variable of it is one that Doorward knows.
    for line in compose
        .lines()
        .filter(|line| line.contains("file: secrets/"))
    {
        let file = line
            .split("file: secrets/")
            .nth(1)
            .unwrap()
            .trim_end_matches([' ', '}']);
        let mode = std::fs::metadata(scratch.path().join("secrets").join(file)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{file}");
    }
    let mut check = Command::new(env!("CARGO_BIN_EXE_doorward"));
    check.env_clear().args(["config", "check", "--json"]);
    for line in compose.lines().map(str::trim) {
        if let Some((name, value)) = line.split_once(": ")
            && name.starts_with("DOORWARD_")
        {
            let value = match value.strip_prefix("/run/secrets/") {
                Some("database_url") => {
                    format!("{}/secrets/database.url", scratch.path().display())
                }
                Some(secret) => {
                    let file = secret.replace('_', ".");
                    format!("{}/secrets/{file}", scratch.path().display())
                }
                None if name == "DOORWARD_PUBLIC_URL" => "https://auth.example.com".to_owned(),
                None => value.to_owned(),
            };
            check.env(name, value);
        }
    }
    let said = check.output().unwrap();
    let checked: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(checked["ok"], true, "{checked}");
}
