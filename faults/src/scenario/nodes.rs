//! Several nodes behind HAProxy: what an operator does on a working day must not be noticed by any
//! client, and holds at every node within a second.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Plan, ms};
use crate::Result;
use crate::http::Client;
use crate::load::Load;
use crate::load::app::App;
use crate::load::prober::Prober;
use crate::report::Finding;
use crate::world::deployment::Deployment;
use crate::world::haproxy::Haproxy;
use crate::world::node::Node;
use crate::world::postgres::Postgres;

/// A change is to hold everywhere by then.
const A_SECOND: Duration = Duration::from_secs(1);

pub(super) fn run(plan: &Plan, finding: &mut Finding) -> Result {
    let postgres = Postgres::start()?;
    let deployment = Deployment::new(&plan.binary, Some(&postgres.url()))?;
    deployment.cli(&["migrate"])?;
    let (app, other) = (deployment.app("shop")?, deployment.app("other")?);
    let mut nodes = Vec::new();
    for n in 1..=plan.pick(2, 3) {
        let mut node = deployment.node(&format!("node{n}"))?;
        node.start()?;
        nodes.push(node);
    }
    let haproxy = Haproxy::start(
        deployment.directory.path(),
        &nodes.iter().collect::<Vec<_>>(),
    )?;
    let mut load = Load::new(plan.clients(), app, &deployment.catcher, haproxy.address);
    let mut probers = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        probers.push(load.prober(number, node.public)?);
    }
    let operator = Operator::new(&load.shared.app, nodes.first().ok_or("no node")?);
    let app_id = load.shared.app.id.clone();
    load.during(|| {
        for _ in 0..plan.pick(1, 3) {
            rolling_restart(&mut nodes, finding)?;
            rotate_keys(&operator, &mut probers, finding)?;
            change_a_setting(&operator, &app_id, &mut probers, finding)?;
            switch_off(&operator, &other, &nodes, finding)?;
        }
        // The last change is lived with for a moment.
        sleep(Duration::from_secs(1));
        Ok(())
    })?;
    let first = nodes.first().ok_or("no node")?.operator;
    finding.take(load.judge(first)?);
    let noticed: u64 = finding.trouble.values().sum();
    finding.bound(noticed == 0, format!("clients noticed it {noticed} times"));
    Ok(())
}

/// One node after the other is stopped and started, as an upgrade does it.
fn rolling_restart(nodes: &mut [Node], finding: &mut Finding) -> Result {
    for node in nodes {
        let (down, up) = (node.stop()?, node.start()?);
        finding.did(format!(
            "SIGTERM to {}, which ended after {}; started, healthy after {}",
            node.name,
            ms(down),
            ms(up)
        ));
        // The balancer asks twice a second.
        sleep(Duration::from_millis(1_500));
    }
    Ok(())
}

fn rotate_keys(operator: &Operator, probers: &mut [Prober], finding: &mut Finding) -> Result {
    let key = |prober: &mut Prober| -> Result<Value> {
        let token = prober.token()?;
        Ok(token.head.get("kid").cloned().unwrap_or_default())
    };
    let mut before = Value::Null;
    for prober in probers.iter_mut() {
        before = key(prober)?;
    }
    operator.send("POST", "/admin/keys/rotate", &json!({}))?;
    let since = Instant::now();
    let took = everywhere(since, probers, |prober| Ok(key(prober)? != before))?;
    finding.did("rotated the signing key");
    measure(finding, "a new signing key signs at every node after", took);
    Ok(())
}

fn change_a_setting(
    operator: &Operator,
    app_id: &str,
    probers: &mut [Prober],
    finding: &mut Finding,
) -> Result {
    for seconds in [600, 1_800] {
        let change = json!({ "settings": { "access_token_seconds": seconds } });
        operator.send("PATCH", &format!("/admin/apps/{app_id}"), &change)?;
        let since = Instant::now();
        let took = everywhere(since, probers, |prober| {
            let claims = prober.token()?.claims;
            let time = |name: &str| claims.get(name).and_then(Value::as_i64);
            Ok(time("exp").zip(time("iat")).map(|(exp, iat)| exp - iat) == Some(seconds))
        })?;
        measure(finding, "a setting holds at every node after", took);
    }
    finding.did("changed a setting of the app, twice");
    Ok(())
}

/// Another app is switched off and on; this one's clients must not notice.
fn switch_off(operator: &Operator, app: &App, nodes: &[Node], finding: &mut Finding) -> Result {
    for (what, status) in [("deactivate", 401), ("reactivate", 200)] {
        let path = format!("/admin/apps/{}/{what}", app.id);
        let meant = json!({ "reason": "the fault suite", "confirm": app.slug });
        operator.send("POST", &path, &meant)?;
        let since = Instant::now();
        let mut clients: Vec<Client> = nodes
            .iter()
            .map(|node| Client::new(node.public, 900))
            .collect();
        let took = everywhere(since, &mut clients, |client| {
            let body = app.body(json!({ "refresh_token": "none" }));
            let answer = client.post("/auth/revoke", "", &body);
            Ok(answer.map_err(|error| error.0)?.status == status)
        })?;
        measure(
            finding,
            &format!("the app `{}` is {what}d at every node after", app.slug),
            took,
        );
    }
    finding.did("deactivated another app, and reactivated it");
    Ok(())
}

/// Until it holds at every node; gives how long that took.
fn everywhere<P>(
    since: Instant,
    probers: &mut [P],
    mut holds: impl FnMut(&mut P) -> Result<bool>,
) -> Result<Duration> {
    let mut slowest = Duration::ZERO;
    for prober in probers {
        while !holds(prober)? {
            if since.elapsed() > Duration::from_secs(10) {
                return Err("a change does not hold at every node after 10 s".to_owned());
            }
            sleep(Duration::from_millis(5));
        }
        slowest = slowest.max(since.elapsed());
    }
    Ok(slowest)
}

fn measure(finding: &mut Finding, name: &str, took: Duration) {
    finding.slowest(name, took);
    finding.bound(took < A_SECOND, format!("{name} {}", ms(took)));
}

/// Asks the operator face of one node.
struct Operator {
    address: std::net::SocketAddr,
    header: String,
}

impl Operator {
    fn new(app: &App, node: &Node) -> Self {
        Self {
            address: node.operator,
            header: format!("X-Admin-Key: {}\r\n", app.admin_key),
        }
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> Result {
        let answer = Client::new(self.address, 0)
            .send(method, path, &self.header, &body.to_string())
            .map_err(|error| format!("{path}: {}", error.0))?;
        if answer.is_good() {
            return Ok(());
        }
        Err(format!("{path}: {} {}", answer.status, answer.body))
    }
}
