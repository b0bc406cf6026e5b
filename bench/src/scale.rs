//! Whether operations cost the same on a full database as on an empty one: `cargo xtask scale`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;
use crate::fill::{self, Amount, Target};
use crate::http::Client;
use crate::load::Measured;
use crate::report::{machine, median, millis};
use crate::scenario::{OPERATIONS, Plan, Subject};
use crate::server::Deployment;

/// Calls of each list.
const CALLS: usize = 40;

/// An operation on the empty and on the full deployment, pass by pass.
type Pairs = Vec<(Measured, Measured)>;

/// What was measured on one engine.
struct Results {
    engine: &'static str,
    filled_in: Duration,
    /// Start to the first 200 of `/health`, empty and full.
    starts: (Duration, Duration),
    operations: Vec<(&'static str, Pairs)>,
    /// Lists of the operator face and their latencies, sorted.
    lists: Vec<(&'static str, Vec<Duration>)>,
    /// What ending every session of the big app took.
    all_ended_in: Duration,
}

/// Measures both engines and writes `scale.md`.
pub(crate) fn run(
    plan: &Plan<'_>,
    amount: Amount,
    postgres_url: Option<&str>,
    out: &Path,
) -> Result {
    let mut results = vec![sqlite(plan, amount)?];
    if let Some(url) = postgres_url {
        results.push(postgres(plan, amount, url)?);
    }
    let page = page(plan, amount, &results);
    println!("{page}");
    fs::create_dir_all(out)
        .and_then(|()| fs::write(out.join("scale.md"), page))
        .map_err(|error| format!("scale.md: {error}"))
}

fn sqlite(plan: &Plan<'_>, amount: Amount) -> Result<Results> {
    let (empty, full) = (
        Deployment::new(plan.binary, None)?,
        Deployment::new(plan.binary, None)?,
    );
    let target = Target::Sqlite(full.database_file());
    measure(plan, amount, "SQLite", (empty, full), &target)
}

fn postgres(plan: &Plan<'_>, amount: Amount, url: &str) -> Result<Results> {
    let of_full = fill::second_database(url)?;
    let (empty, full) = (
        Deployment::new(plan.binary, Some(url))?,
        Deployment::new(plan.binary, Some(&of_full))?,
    );
    let target = Target::Postgres(of_full);
    measure(plan, amount, "PostgreSQL", (empty, full), &target)
}

fn measure(
    plan: &Plan<'_>,
    amount: Amount,
    engine: &'static str,
    (empty, full): (Deployment, Deployment),
    target: &Target,
) -> Result<Results> {
    eprintln!("{engine}: filling …");
    drop(full.start()?);
    let app = full.create_app()?;
    let app_id = app.id.clone();
    let began = Instant::now();
    fill::fill(target, amount)?;
    let filled_in = began.elapsed();
    eprintln!("{engine}: filled in {} s", filled_in.as_secs());
    drop(full.start()?);
    let server = full.start()?;
    let started_full = server.started_in;
    let mut loaded = Subject::prepare(plan, &full, server, app)?;

    drop(empty.start()?);
    let server = empty.start()?;
    let started_empty = server.started_in;
    let app = empty.create_app()?;
    let mut fresh = Subject::prepare(plan, &empty, server, app)?;

    let mut operations: Vec<(&'static str, Pairs)> = OPERATIONS
        .iter()
        .map(|(name, _)| (*name, Vec::new()))
        .collect();
    // The pass before the first warms up and is not counted.
    for pass in 0..=plan.passes {
        eprintln!("{engine}: pass {pass} of {}", plan.passes);
        let span = if pass == 0 { plan.span / 4 } else { plan.span };
        for ((name, operation), (_, pairs)) in OPERATIONS.iter().zip(&mut operations) {
            let told = |error| format!("{engine}, {name}: {error}");
            // In turn, and the other way round in every other pass: a machine's pace drifts.
            let pair = if pass % 2 == 0 {
                let first = fresh.run(*operation, span).map_err(told)?;
                (first, loaded.run(*operation, span).map_err(told)?)
            } else {
                let second = loaded.run(*operation, span).map_err(told)?;
                (fresh.run(*operation, span).map_err(told)?, second)
            };
            if pass > 0 {
                pairs.push(pair);
            }
        }
    }
    let header = format!("X-Admin-Key: {}\r\n", full.create_admin_key()?);
    let mut operator = Client::connect(loaded.server.operator)?;
    let lists = lists(&mut operator, &header, &app_id)?;
    let all_ended_in = end_all_sessions(&mut operator, &header, &app_id)?;
    loaded.expect_ended()?;
    Ok(Results {
        engine,
        filled_in,
        starts: (started_empty, started_full),
        operations,
        lists,
        all_ended_in,
    })
}

/// One call of the operator face, from being sent to being answered.
fn end_all_sessions(client: &mut Client, header: &str, app_id: &str) -> Result<Duration> {
    let path = format!("/admin/apps/{app_id}/incidents/end-all-sessions");
    let body = format!("{{\"reason\":\"measured\",\"confirm\":\"{app_id}\"}}");
    let sent = Instant::now();
    client.send("POST", &path, header, &body)?.ok(&path)?;
    Ok(sent.elapsed())
}

/// Lists and searches of the operator face, as somebody at the console would ask for them.
const LISTS: &[(&str, &str)] = &[
    ("apps", "/admin/apps?limit=50"),
    (
        "organizations of an app",
        "/admin/apps/{app}/tenants?limit=50",
    ),
    ("licences", "/admin/apps/{app}/licenses?limit=50"),
    (
        "licences by label",
        "/admin/apps/{app}/licenses?limit=50&label_prefix=order%209999",
    ),
    (
        "licences that are suspended (none is)",
        "/admin/apps/{app}/licenses?limit=50&state=suspended",
    ),
    (
        "licences by key hint",
        "/admin/apps/{app}/licenses?limit=50&key_hint=NONE",
    ),
    ("audit of everything", "/admin/audit?limit=50"),
    ("audit of an app", "/admin/audit?limit=50&app_id={app}"),
    (
        "audit of a user",
        "/admin/audit?limit=50&app_id={app}&target=user:{user}",
    ),
    (
        "audit of a refresh, by its request",
        "/admin/audit?limit=50&request_id={request}",
    ),
    (
        "audit of an app, one action",
        "/admin/audit?limit=50&app_id={app}&action=app.created",
    ),
    ("users", "/admin/apps/{app}/users?limit=50"),
    (
        "users by e-mail",
        "/admin/apps/{app}/users?limit=50&email=person1999999@fill.example.com",
    ),
    (
        "users by the start of an e-mail",
        "/admin/apps/{app}/users?limit=50&email_prefix=person19",
    ),
    (
        "users by the start of a phone number",
        "/admin/apps/{app}/users?limit=50&phone_prefix=%2B491500199",
    ),
    (
        "users that are deactivated (none is)",
        "/admin/apps/{app}/users?limit=50&status=deactivated",
    ),
];

fn lists(
    client: &mut Client,
    header: &str,
    app_id: &str,
) -> Result<Vec<(&'static str, Vec<Duration>)>> {
    let (user, request) = last_refresh(client, header, app_id)?;
    let mut all = Vec::new();
    for (name, path) in LISTS {
        let path = path
            .replace("{app}", app_id)
            .replace("{user}", &user)
            .replace("{request}", &request);
        let mut latencies = Vec::new();
        for _ in 0..CALLS {
            let sent = Instant::now();
            client.send("GET", &path, header, "")?.ok(name)?;
            latencies.push(sent.elapsed());
        }
        latencies.sort_unstable();
        all.push((*name, latencies));
    }
    Ok(all)
}

/// User and request of the last refresh.
fn last_refresh(client: &mut Client, header: &str, app_id: &str) -> Result<(String, String)> {
    let question = format!("/admin/audit?limit=1&app_id={app_id}&action=session.refreshed");
    let mut page = client.send("GET", &question, header, "")?.ok(&question)?;
    // A page looks at so many events, and there may be none of these among them.
    while page.count("session.refreshed") == 0 {
        let next = format!("{question}&cursor={}", page.text("next_cursor")?);
        page = client.send("GET", &next, header, "")?.ok(&next)?;
    }
    // The user stands in `"target":{"type":"user","id":"…"}`.
    Ok((page.text("user\",\"id")?, page.text("request_id")?))
}

fn page(plan: &Plan<'_>, amount: Amount, results: &[Results]) -> String {
    let mut page = format!(
        "<!-- Made by `cargo xtask scale`. Do not edit. -->\n\n# Scale\n\n{}. CPU of the server's \
        own process tree for each operation, on an empty deployment and on a full one: {}. Both \
        run at the same time and are measured in turn, {} passes of {:.1} s with {} connections; \
        the ratio is the median of the passes' ratios.\n",
        machine(),
        amount.describe(),
        plan.passes,
        plan.span.as_secs_f64(),
        plan.concurrency,
    );
    for result in results {
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "\n## {}\n\nFilled in {} s. Start to the first 200 of `/health`: {:.0} ms empty, {:.0} \
            ms full.\n\n| operation | empty: CPU ms | full: CPU ms | full ÷ empty | p99 ms empty / \
            full |\n|---|---|---|---|---|\n",
            result.engine,
            result.filled_in.as_secs(),
            millis(result.starts.0),
            millis(result.starts.1),
        );
        for (name, pairs) in &result.operations {
            let of = |number: fn(&(Measured, Measured)) -> f64| median(pairs.iter().map(number));
            let _ = writeln!(
                page,
                "| {name} | {:.3} | {:.3} | {:.2} | {:.1} / {:.1} |",
                of(|pair| pair.0.cpu_ms()),
                of(|pair| pair.1.cpu_ms()),
                of(|pair| pair.1.cpu_ms() / pair.0.cpu_ms()),
                of(|pair| pair.0.latency_ms(0.99)),
                of(|pair| pair.1.latency_ms(0.99)),
            );
        }
        let _ = write!(
            page,
            "\nLists and searches of the operator face on the full deployment, {CALLS} calls \
            each, one at a time:\n\n| list | median ms | longest ms |\n|---|---|---|\n"
        );
        for (name, latencies) in &result.lists {
            let at = |index: usize| latencies.get(index).copied().map_or(f64::NAN, millis);
            let _ = writeln!(
                page,
                "| {name} | {:.1} | {:.1} |",
                at(latencies.len() / 2),
                at(latencies.len().saturating_sub(1))
            );
        }
        let _ = write!(
            page,
            "\nEnding every session of the big app: one call, answered after {:.0} ms; the next \
            refresh of each signed-in client was refused.\n",
            millis(result.all_ended_in),
        );
    }
    page
}
