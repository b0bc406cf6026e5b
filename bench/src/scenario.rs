//! What is measured, in which order.

use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;
use crate::http::Client;
use crate::load::{self, Measured, Worker};
use crate::primitive::{Cost, Signer};
use crate::process::memory_mb;
use crate::server::{App, Deployment, Server};

/// How much of it.
pub(crate) struct Plan<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) passes: usize,
    pub(crate) span: Duration,
    pub(crate) concurrency: usize,
}

/// Everything that was measured on one engine.
pub(crate) struct Results {
    pub(crate) engine: &'static str,
    pub(crate) signatures: Vec<Cost>,
    /// Operation and its passes.
    pub(crate) operations: Vec<(&'static str, Vec<Measured>)>,
    /// First start, with key generation.
    pub(crate) first_start: Duration,
    /// Later starts, on what the first one left.
    pub(crate) cold_start: Duration,
    pub(crate) idle_mb: f64,
    pub(crate) loaded_mb: f64,
    pub(crate) peak_mb: f64,
}

/// Starts a server and measures it.
pub(crate) fn measure(
    plan: &Plan<'_>,
    engine: &'static str,
    database_url: Option<&str>,
) -> Result<Results> {
    eprintln!("{engine}: starting …");
    let deployment = Deployment::new(plan.binary, database_url)?;
    let first_start = deployment.start()?.started_in;
    let mut starts = Vec::new();
    for _ in 0..5 {
        starts.push(deployment.start()?.started_in);
    }
    starts.sort_unstable();
    let cold_start = starts.get(starts.len() / 2).copied().unwrap_or_default();

    let server = deployment.start()?;
    sleep(Duration::from_secs(2));
    let (idle_mb, _) = memory_mb(server.pid())?;
    let app = deployment.create_app()?;
    let mut subject = Subject::prepare(plan, &deployment, server, app)?;

    let signer = Signer::new()?;
    let mut results = Results {
        engine,
        signatures: Vec::new(),
        operations: OPERATIONS
            .iter()
            .map(|(name, _)| (*name, Vec::new()))
            .collect(),
        first_start,
        cold_start,
        idle_mb,
        loaded_mb: f64::NAN,
        peak_mb: f64::NAN,
    };
    // The pass before the first warms up and is not counted.
    for pass in 0..=plan.passes {
        eprintln!("{engine}: pass {pass} of {}", plan.passes);
        let span = if pass == 0 { plan.span / 4 } else { plan.span };
        let signature = signer.measure(span)?;
        let mut measured = Vec::new();
        for (name, operation) in OPERATIONS {
            let done = subject.run(*operation, span);
            measured.push(done.map_err(|error| format!("{engine}, {name}: {error}"))?);
        }
        if pass > 0 {
            results.signatures.push(signature);
            for ((_, passes), done) in results.operations.iter_mut().zip(measured) {
                passes.push(done);
            }
        }
    }
    (results.loaded_mb, results.peak_mb) = memory_mb(subject.server.pid())?;
    Ok(results)
}

/// A running server and the people who use it.
pub(crate) struct Subject {
    pub(crate) server: Server,
    clients: Vec<Person>,
    entitled: Vec<Person>,
}

impl Subject {
    /// Signs the people in.
    pub(crate) fn prepare(
        plan: &Plan<'_>,
        deployment: &Deployment,
        server: Server,
        app: App,
    ) -> Result<Self> {
        let app = Arc::new(app);
        let mut clients = Vec::new();
        for index in 0..plan.concurrency {
            clients.push(sign_in(&server, &app, index)?);
        }
        let organization = deployment.create_organization(PERMISSIONS)?;
        let mut entitled = Vec::new();
        for index in 0..plan.concurrency {
            let mut person = sign_in(&server, &app, plan.concurrency + index)?;
            person.entitle(&organization)?;
            person.activate()?;
            entitled.push(person);
        }
        Ok(Self {
            server,
            clients,
            entitled,
        })
    }

    /// Fails when anybody can still refresh.
    pub(crate) fn expect_ended(&mut self) -> Result {
        for person in self.clients.iter_mut().chain(&mut self.entitled) {
            if person.refresh("").is_ok() {
                return Err("a session went on after all were ended".into());
            }
        }
        Ok(())
    }

    /// One pass of an operation.
    pub(crate) fn run(&mut self, operation: Operation, span: Duration) -> Result<Measured> {
        let people = if operation.is_of_the_entitled() {
            &mut self.entitled
        } else {
            &mut self.clients
        };
        operation.run(&self.server, people, span)
    }
}

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) enum Operation {
    Refresh,
    RefreshWithKey,
    RefreshWithRoles,
    VerifyNewUser,
    VerifyKnownUser,
    Me,
    VerifyLicense,
    Jwks,
}

/// What a token says of a user who may do much.
const PERMISSIONS: usize = 20;
const ENTITLEMENTS: usize = 10;

pub(crate) const OPERATIONS: &[(&str, Operation)] = &[
    ("refresh", Operation::Refresh),
    ("refresh with Idempotency-Key", Operation::RefreshWithKey),
    (
        "refresh, 20 permissions and 10 entitlements",
        Operation::RefreshWithRoles,
    ),
    ("verify-otp, new user", Operation::VerifyNewUser),
    ("verify-otp, known user", Operation::VerifyKnownUser),
    ("/auth/me", Operation::Me),
    ("license/verify", Operation::VerifyLicense),
    ("JWKS", Operation::Jwks),
];

/// Codes that each client verifies in one pass.
const CODES: usize = 12;

impl Operation {
    const fn is_of_the_entitled(self) -> bool {
        matches!(self, Self::RefreshWithRoles | Self::VerifyLicense)
    }

    fn run(self, server: &Server, clients: &mut [Person], span: Duration) -> Result<Measured> {
        let verifies = matches!(self, Self::VerifyNewUser | Self::VerifyKnownUser);
        if verifies {
            for client in clients.iter_mut() {
                client.ask_for_codes(matches!(self, Self::VerifyNewUser))?;
            }
        }
        let mut workers: Vec<Work<'_>> = clients
            .iter_mut()
            .map(|person| Work {
                operation: self,
                person,
                count: 0,
            })
            .collect();
        // Codes run out by themselves.
        let span = if verifies {
            Duration::from_secs(60)
        } else {
            span
        };
        load::run(&mut workers, server.pid(), span)
    }
}

struct Work<'a> {
    operation: Operation,
    person: &'a mut Person,
    count: u64,
}

impl Worker for Work<'_> {
    fn step(&mut self) -> Result<bool> {
        self.count += 1;
        match self.operation {
            Operation::Refresh | Operation::RefreshWithRoles => self.person.refresh("")?,
            Operation::RefreshWithKey => {
                self.person
                    .refresh(&format!("Idempotency-Key: bench-{}\r\n", self.count))?;
            }
            Operation::VerifyNewUser | Operation::VerifyKnownUser => return self.person.verify(),
            Operation::Me => self.person.me()?,
            Operation::VerifyLicense => self.person.verify_license()?,
            Operation::Jwks => {
                self.person
                    .client
                    .get("/.well-known/jwks.json")?
                    .ok("JWKS")?;
            }
        }
        Ok(true)
    }
}

/// Somebody with a connection and a session.
struct Person {
    app: Arc<App>,
    operator: Client,
    client: Client,
    index: usize,
    /// How often it has asked for codes for people never seen before.
    round: usize,
    /// `otp_request_id` and code.
    codes: Vec<(String, String)>,
    refresh_token: String,
    bearer: String,
    user_id: String,
    license_key: String,
}

fn sign_in(server: &Server, app: &Arc<App>, index: usize) -> Result<Person> {
    let mut person = Person {
        app: Arc::clone(app),
        operator: Client::connect(server.operator)?,
        client: Client::connect(server.public)?,
        index,
        round: 0,
        codes: Vec::new(),
        refresh_token: String::new(),
        bearer: String::new(),
        user_id: String::new(),
        license_key: String::new(),
    };
    let code = person.ask_for_code(&format!("client{index}@bench.example.com"), 1)?;
    person.codes.push(code);
    person.verify()?;
    Ok(person)
}

impl Person {
    fn body(&self, rest: &str) -> String {
        format!(
            "{{\"app_id\":\"{}\",\"app_secret\":\"{}\",{rest}}}",
            self.app.id, self.app.secret
        )
    }

    /// For people never seen before, or for those of the last time once more.
    fn ask_for_codes(&mut self, new_people: bool) -> Result {
        self.codes.clear();
        self.round += usize::from(new_people);
        let mails = if new_people { 1 } else { 2 };
        for number in 0..CODES {
            let email = format!(
                "user{}-{}-{number}@bench.example.com",
                self.index, self.round
            );
            let code = self.ask_for_code(&email, mails)?;
            self.codes.push(code);
        }
        Ok(())
    }

    /// Has a code sent and reads it from the captured mail, once there are that many.
    fn ask_for_code(&mut self, email: &str, mails: usize) -> Result<(String, String)> {
        let body = self.body(&format!("\"email\":\"{email}\",\"purpose\":\"LOGIN\""));
        let sent = self.client.post("/auth/send-otp", &body)?.ok("send-otp")?;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(10) {
            let path = format!("/dev/outbox?to={email}");
            let outbox = self.operator.get(&path)?.ok("outbox")?;
            // Newest first.
            if outbox.count("\"code\":\"") == mails {
                return Ok((sent.text("otp_request_id")?, outbox.text("code")?));
            }
            sleep(Duration::from_millis(1));
        }
        Err(format!("no mail to {email}"))
    }

    fn verify(&mut self) -> Result<bool> {
        let Some((id, code)) = self.codes.pop() else {
            return Ok(false);
        };
        let body = self.body(&format!(
            "\"otp_request_id\":\"{id}\",\"otp\":\"{code}\",\"purpose\":\"LOGIN\""
        ));
        let answer = self
            .client
            .post("/auth/verify-otp", &body)?
            .ok("verify-otp")?;
        self.user_id = answer.text("user_id")?;
        self.keep(&answer)?;
        Ok(true)
    }

    /// Gives it a role with all the permissions, and a licence with all the entitlements.
    fn entitle(&mut self, organization: &str) -> Result {
        let body = self.body(&format!(
            "\"user_id\":\"{}\",\"tenant_id\":\"{organization}\",\"role\":\"admin\"",
            self.user_id
        ));
        self.client
            .post("/auth/roles/assign", &body)?
            .ok("roles/assign")?;
        let entitlements: Vec<String> = (0..ENTITLEMENTS)
            .map(|number| format!("\"feature{number}\":{number}"))
            .collect();
        let body = self.body(&format!(
            "\"user_id\":\"{}\",\"entitlements\":{{{}}}",
            self.user_id,
            entitlements.join(",")
        ));
        self.client
            .post("/license/generate", &body)?
            .ok("license/generate")?;
        Ok(())
    }

    /// Takes the one slot of a licence of its own.
    fn activate(&mut self) -> Result {
        let body = self.body("\"label\":\"bench\"");
        let made = self
            .client
            .post("/license/generate", &body)?
            .ok("license/generate")?;
        self.license_key = made.text("license_key")?;
        let body = self.license();
        self.client
            .post("/license/activate", &body)?
            .ok("license/activate")?;
        Ok(())
    }

    fn license(&self) -> String {
        self.body(&format!(
            "\"license_key\":\"{}\",\"device_id\":\"device{}\"",
            self.license_key, self.index
        ))
    }

    fn verify_license(&mut self) -> Result {
        let body = self.license();
        self.client
            .post("/license/verify", &body)?
            .ok("license/verify")
            .map(|_| ())
    }

    fn refresh(&mut self, header: &str) -> Result {
        let body = self.body(&format!("\"refresh_token\":\"{}\"", self.refresh_token));
        let answer = self
            .client
            .send("POST", "/auth/refresh", header, &body)?
            .ok("refresh")?;
        self.keep(&answer)
    }

    fn me(&mut self) -> Result {
        self.client
            .send("GET", "/auth/me", &self.bearer, "")?
            .ok("/auth/me")
            .map(|_| ())
    }

    fn keep(&mut self, answer: &crate::http::Answer) -> Result {
        self.refresh_token = answer.text("refresh_token")?;
        self.bearer = format!("Authorization: Bearer {}\r\n", answer.text("access_token")?);
        Ok(())
    }
}
