//! Ten times more requests than the server can serve: what it takes on it finishes, in time; what
//! it cannot take on it says at once; and neither costs the others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Plan, ms};
use crate::Result;
use crate::http::Client;
use crate::load::Load;
use crate::load::app::App;
use crate::report::Finding;
use crate::world::deployment::Deployment;
use crate::world::node::Node;
use crate::world::process::{find, pin_this_process};

/// How much more is offered than can be served.
const TIMES: f64 = 10.0;
/// Of what the server can do, what it must still do then, in the short form and in the long one. By
/// processor time, of which others on this machine cannot take any. It leaves room for what a busy
/// machine does to that, and for a debug build, in which a refusal costs half as much as a refresh
/// (the signature is optimised in every build, the rest is not).
const GOODPUT: (f64, f64) = (0.6, 0.7);
/// Memory that overload may cost, and that each connection may (in KB): connections are bounded by
/// `limits.connections`.
const MEMORY_MB: u64 = 32;
const CONNECTION_KB: usize = 48;

pub(super) fn run(plan: &Plan, finding: &mut Finding) -> Result {
    // One core for the server and another one for the clients, where there are two: otherwise the
    // clients' own work would be taken from the server.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let apart = cores > 1 && find("taskset").is_some();
    let (in_flight, clients) = plan.pick((64, 900), (512, 2_500));
    let deployment =
        Deployment::new(&plan.binary, None)?.with("DOORWARD_LIMITS_CONCURRENCY", in_flight);
    deployment.cli(&["migrate"])?;
    let app = deployment.app("shop")?;
    let mut node = deployment.node("node1")?;
    if apart {
        node.pin(0);
    }
    node.start()?;
    let load = Load::new(0, app, &deployment.catcher, node.public);
    let mut hitters: Vec<Hitter> = load
        .sessions(clients)?
        .into_iter()
        .enumerate()
        .map(|(number, token)| Hitter::new(node.public, number, token))
        .collect();
    let _pinned = if apart {
        Some(pin_this_process(1)?)
    } else {
        None
    };
    let app = &load.shared.app;

    // In turn, because what a virtual machine's core can do drifts by a tenth within a minute.
    let (turns, calm, storm) = plan.pick((1, 5, 5), (4, 5, 8));
    let (calm, storm) = (Duration::from_secs(calm), Duration::from_secs(storm));
    // As many clients as there are places: the most that is ever worked on at once.
    let few = in_flight.min(hitters.len()) / 2;
    let mut ease = at_ease(&node, app, &mut hitters, few, calm);
    let (memory, _) = node.memory_mb().ok_or("no memory figures")?;
    let offered = ease.good_per_second() * TIMES;
    let mut over = Tally::default();
    for _ in 0..turns {
        over.add(hit(&node, app, &mut hitters, storm, Some(offered)));
        ease.add(at_ease(&node, app, &mut hitters, few, calm));
    }
    let (_, peak) = node.memory_mb().ok_or("no memory figures")?;

    let capacity = ease.good_per_second();
    let by_the_clock = over.good_per_second() / capacity;
    let share = ease.cost_ms() / over.cost_ms();
    finding.did(format!(
        "{clients} clients wanted {offered:.0} refreshes a second of a server that can do \
         {capacity:.0}, with {in_flight} places, {turns} times for {} s; each waits for its answer, so they sent \
         {:.0}",
        storm.as_secs(),
        over.sent_per_second()
    ));
    finding.operations = ease.sent() + over.sent();
    finding.acknowledged = ease.good + over.good;
    finding.slowest = over.slowest.max(ease.slowest);
    finding.longest_gap = over.longest_gap;
    finding
        .trouble
        .insert("503 SERVICE_UNAVAILABLE".to_owned(), over.turned_away);
    finding
        .lost
        .extend(over.wrong.iter().chain(&ease.wrong).cloned());
    for (name, value) in [
        ("capacity (refreshes a second)", format!("{capacity:.0}")),
        (
            "served under overload",
            format!("{:.0}", over.good_per_second()),
        ),
        (
            "of capacity, by the clock",
            format!("{:.0} %", by_the_clock * 100.0),
        ),
        (
            "of capacity, by processor time",
            format!("{:.0} %", share * 100.0),
        ),
        (
            "processor time for each refresh at ease (ms)",
            format!("{:.2}", ease.cost_ms()),
        ),
        (
            "under overload, with all 503s",
            format!("{:.2}", over.cost_ms()),
        ),
        ("memory before (MB)", memory.to_string()),
        ("memory at its highest (MB)", peak.to_string()),
    ] {
        finding.measure(name, value);
    }
    finding.slowest("the slowest good answer under overload", over.slowest);
    finding.slowest("the slowest 503 under overload", over.slowest_refusal);
    finding.bound(over.turned_away > 0, "there was no overload");
    finding.bound(
        share >= plan.pick(GOODPUT.0, GOODPUT.1),
        format!(
            "{:.0} % of the processor time was for what was served",
            share * 100.0
        ),
    );
    // The short form shares its machine with whoever else tests.
    finding.bound(
        !plan.long || by_the_clock >= GOODPUT.1,
        format!(
            "{:.0} % of capacity was served under overload",
            by_the_clock * 100.0
        ),
    );
    let connections_mb = u64::try_from(clients * CONNECTION_KB / 1024).unwrap_or(0);
    finding.bound(
        peak <= memory + MEMORY_MB + connections_mb,
        format!("memory grew from {memory} MB to {peak} MB"),
    );
    finding.bound(
        over.slowest < Duration::from_secs(10),
        format!("an answer took {}", ms(over.slowest)),
    );
    node.stop().map(drop)
}

/// One client with one session, on one connection.
struct Hitter {
    http: Client,
    token: String,
    count: u64,
}

/// What came of a span.
#[derive(Default)]
struct Tally {
    span: Duration,
    /// Processor time of the server.
    cost: Duration,
    good: u64,
    turned_away: u64,
    slowest: Duration,
    slowest_refusal: Duration,
    longest_gap: Duration,
    wrong: Vec<String>,
}

impl Tally {
    /// Both, one after the other.
    fn add(&mut self, other: Self) {
        self.span += other.span;
        self.cost += other.cost;
        self.good += other.good;
        self.turned_away += other.turned_away;
        self.slowest = self.slowest.max(other.slowest);
        self.slowest_refusal = self.slowest_refusal.max(other.slowest_refusal);
        self.longest_gap = self.longest_gap.max(other.longest_gap);
        self.wrong.extend(other.wrong);
    }

    fn sent(&self) -> u64 {
        self.good + self.turned_away
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn good_per_second(&self) -> f64 {
        self.good as f64 / self.span.as_secs_f64()
    }

    /// Milliseconds of processor time for each good answer, everything else included.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn cost_ms(&self) -> f64 {
        self.cost.as_secs_f64() * 1000.0 / self.good.max(1) as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    fn sent_per_second(&self) -> f64 {
        self.sent() as f64 / self.span.as_secs_f64()
    }
}

/// The first few of them, each as fast as it is answered.
fn at_ease(node: &Node, app: &App, hitters: &mut [Hitter], few: usize, span: Duration) -> Tally {
    hit(
        node,
        app,
        hitters.get_mut(..few).unwrap_or_default(),
        span,
        None,
    )
}

/// All of them for a while: each as fast as it is answered, or together at a given rate, whatever
/// the answers.
fn hit(node: &Node, app: &App, hitters: &mut [Hitter], span: Duration, rate: Option<f64>) -> Tally {
    let cost = node.processor_time();
    let (stop, good) = (AtomicBool::new(false), AtomicU64::new(0));
    let count = hitters.len();
    let began = Instant::now();
    let mut total = Tally::default();
    std::thread::scope(|scope| {
        let threads: Vec<_> = hitters
            .iter_mut()
            .enumerate()
            .map(|(number, hitter)| {
                #[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
                let every = rate.map(|rate| Duration::from_secs_f64(count as f64 / rate));
                #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
                let first = every.map(|every| every.mul_f64(number as f64 / count as f64));
                let (stop, good) = (&stop, &good);
                scope.spawn(move || {
                    let pace = every.zip(first.map(|first| began + first));
                    hitter.work(app, pace, stop, good)
                })
            })
            .collect();
        let (mut last, mut since) = (0, Instant::now());
        while began.elapsed() < span {
            std::thread::sleep(Duration::from_millis(2));
            let now = good.load(Relaxed);
            if now != last {
                (last, since) = (now, Instant::now());
            }
            total.longest_gap = total.longest_gap.max(since.elapsed());
        }
        // What is answered later does not count.
        total.good = good.load(Relaxed);
        total.span = began.elapsed();
        total.cost = node.processor_time().saturating_sub(cost);
        stop.store(true, Relaxed);
        for tally in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            total.turned_away += tally.turned_away;
            total.slowest = total.slowest.max(tally.slowest);
            total.slowest_refusal = total.slowest_refusal.max(tally.slowest_refusal);
            total.wrong.extend(tally.wrong);
        }
    });
    total
}

impl Hitter {
    fn new(address: std::net::SocketAddr, number: usize, token: String) -> Self {
        Self {
            http: Client::new(address, number + 1),
            token,
            count: 0,
        }
    }

    fn work(
        &mut self,
        app: &App,
        pace: Option<(Duration, Instant)>,
        stop: &AtomicBool,
        good: &AtomicU64,
    ) -> Tally {
        let mut tally = Tally::default();
        let mut due = pace.map(|(_, first)| first);
        while !stop.load(Relaxed) {
            if let Some((every, _)) = pace
                && let Some(due) = &mut due
            {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                *due += every;
            }
            let header = format!("Idempotency-Key: overload-{}\r\n", self.count);
            let body = app.body(json!({ "refresh_token": self.token }));
            let sent = Instant::now();
            match self.http.post("/auth/refresh", &header, &body) {
                Ok(answer) if answer.is_good() => {
                    good.fetch_add(1, Relaxed);
                    tally.slowest = tally.slowest.max(sent.elapsed());
                    answer.text("refresh_token").clone_into(&mut self.token);
                    self.count += 1;
                }
                Ok(answer)
                    if answer.code() == "SERVICE_UNAVAILABLE" && answer.retry_after.is_some() =>
                {
                    tally.turned_away += 1;
                    tally.slowest_refusal = tally.slowest_refusal.max(sent.elapsed());
                }
                Ok(answer) => {
                    let (status, code) = (answer.status, answer.code());
                    tally.wrong.push(format!("a good token: {status} {code}"));
                    return tally;
                }
                Err(error) => tally.wrong.push(format!("no answer: {}", error.0)),
            }
        }
        tally
    }
}
