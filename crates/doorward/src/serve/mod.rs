//! The servers: `doorward serve` for production, `doorward dev` to try everything.

mod banner;
mod data_dir;
mod demo;
mod listen;
mod node;
pub(crate) mod senders;
mod signals;
mod telemetry;

#[cfg(test)]
pub(crate) use node::BACKGROUND_GRACE;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use doorward_delivery::sender::Capture;
use doorward_domain::contact::Channel;
use doorward_domain::{OffsetClock, SystemClock};
use doorward_http::DevAids;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::Outcome;
use crate::cli::{DevArgs, Global, ServeArgs};
use crate::commands::judge;
use crate::config::sections::Format;
use crate::config::{Config, DataDir, Problem, registry};
use crate::deployment::{DEFAULT_DATA_DIR, Missing, Place, open_store};
use crate::failure::Failure;
use crate::{logging, output};

use listen::Ports;
use node::Node;

/// `doorward serve`
pub(crate) fn serve(global: &Global, args: &ServeArgs, started: Instant) -> Outcome<ExitCode> {
    let place = Place::of(global);
    let mut loaded = place.load(args.overrides());
    let verdict = judge(&mut loaded);
    let refusals = verdict.refusals.iter().map(|refusal| Problem {
        name: refusal.problem.name.clone(),
        message: match refusal.exception {
            Some(exception) => format!(
                "{} To accept this danger: --allow-insecure {}",
                refusal.problem.message,
                exception.name()
            ),
            None => refusal.problem.message.clone(),
        },
    });
    let against: Vec<Problem> = loaded.problems.iter().cloned().chain(refusals).collect();
    if !against.is_empty() {
        let message = "doorward serve refuses to start like this:";
        return Err(Failure::configuration(message, &against));
    }
    let (config, values) = (loaded.config, loaded.values);
    logging::start(&config.log);
    for Problem { name, message } in &verdict.warnings {
        tracing::warn!(setting = name, "{message}");
    }
    if let Some(dir) = &place.data_dir {
        data_dir::ensure(&dir.path)?;
    }
    let senders = senders::build(&config)
        .map_err(|problem| Failure::configuration("The senders do not work:", &[problem]))?;
    run(runtime(&config)?, async {
        let ports = Ports::take(&config, listen::Named::BySettings)?;
        let telemetry = telemetry::install()?;
        let store = open_store(&config, Missing::Create).await?;
        let node = Node {
            issuer: config.server.issuer(),
            clock: Arc::new(SystemClock),
            sender: Arc::new(senders),
            dev: None,
            config,
            values,
            store,
            telemetry,
        };
        let Some(running) = node.start(ports).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let (public, operator) = (running.public, running.operator);
        let ready_ms = millis(started);
        tracing::info!(%public, %operator, ready_ms, "ready");
        running.until_stopped().await
    })
}

/// This machine itself.
const LOOPBACK: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

/// `doorward dev`
pub(crate) fn dev(global: &Global, args: &DevArgs, started: Instant) -> Outcome<ExitCode> {
    let mut place = Place::of(global);
    let dir = place.data_dir.get_or_insert_with(|| DataDir {
        path: DEFAULT_DATA_DIR.into(),
        by_flag: true,
    });
    // Whoever named it: what is in it is the deployment.
    dir.by_flag = true;
    let dir = dir.clone();
    data_dir::prepare(&dir)?;
    let loaded = place.load(args.overrides());
    if !loaded.problems.is_empty() {
        return Err(Failure::configuration(
            "The configuration is wrong.",
            &loaded.problems,
        ));
    }
    // `dev` shows every message to whoever is at this machine and moves its clock: it must not
    // attach to a deployment just because a shell happens to name one.
    if let Some(named_by) = loaded.values.named_in_passing(&registry::DATABASE_URL) {
        return Err(Failure::usage(format!(
            "{named_by} names a database, and `doorward dev` would show its messages to everybody \
             at this machine. Unset it, or name the database on purpose with --database-url."
        )));
    }
    let (mut config, values) = (loaded.config, loaded.values);
    // A test message goes where it is sent to, which here is most likely a catcher on this machine.
    config.delivery.captured = true;
    config.delivery.networks.extend(LOOPBACK);
    if !values.is_set(&registry::LOG_FORMAT) {
        config.log.format = Format::Pretty;
    }
    logging::start(&config.log);
    run(runtime(&config)?, async {
        let ports = Ports::take(&config, listen::Named::ByFlags)?;
        let issuer = match &args.public_url {
            Some(_) => config.server.issuer(),
            None => format!("http://{}", ports.public.address),
        };
        let telemetry = telemetry::install()?;
        let store = open_store(&config, Missing::Create).await?;
        let clock = OffsetClock::new(Arc::new(SystemClock));
        let capture = Arc::new(Capture::new());
        let outbox = Arc::clone(&capture);
        let aids = DevAids {
            outbox: Arc::new(move |query| {
                let found = outbox.list(query.to.as_deref(), query.app_id);
                found
                    .iter()
                    .filter_map(|message| serde_json::to_value(message).ok())
                    .collect()
            }),
            clock: clock.clone(),
        };
        let sender = doorward_delivery::sender::Router::new()
            .with(Channel::Email, capture.clone())
            .with(Channel::Sms, capture);
        let node = Node {
            issuer,
            clock: Arc::new(clock),
            sender: Arc::new(sender),
            dev: Some(aids),
            config,
            values,
            store,
            telemetry,
        };
        let Some(running) = node.start(ports).await? else {
            return Ok(ExitCode::SUCCESS);
        };
        let demo = demo::on_first_start(&running.core).await?;
        let banner = banner::Banner::new(&running, demo, &dir.path, millis(started));
        output::report(global.json, &banner)?;
        running.until_stopped().await
    })
}

/// Runs to the end, and then waits for nobody: what mattered has been waited for.
fn run(
    runtime: tokio::runtime::Runtime,
    server: impl Future<Output = Outcome<ExitCode>>,
) -> Outcome<ExitCode> {
    let outcome = runtime.block_on(server);
    runtime.shutdown_background();
    outcome
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn runtime(config: &Config) -> Outcome<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = config.server.workers {
        builder.worker_threads(workers);
    }
    builder
        .thread_name("doorward")
        // Key generation and the like; the engines have threads of their own.
        .max_blocking_threads(8)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed("RUNTIME", error.to_string()))
}
