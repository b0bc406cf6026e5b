//! The revocation feed, and how long it takes until a revocation holds at a consumer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use doorward_domain::secret::SecretText;
use doorward_http::{PublicFace, ShellOptions, public_router};
use doorward_service::{Core, jobs};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{ISSUER, TestApp};
use doorward_verify::{
    Algorithm, Audience, FeedAnswer, FeedRequest, FeedTiming, FetchError, FetchJwks,
    FetchRevocations, Reason, RefreshTiming, Revocations, RotatingKeys, RotatingRevocations,
    Verifier, VerifyError, WhenStale,
};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use crate::front::{Answer, Front, get, post, send_to};

/// What the docs promise for consumers that wait for news: in seconds, on an idle machine.
const PROMISED: Duration = Duration::from_secs(2);

fn feed_of(app: &TestApp) -> String {
    format!("/apps/{}/revocations", app.id)
}

fn node(core: &Arc<Core>) -> Router {
    public_router(PublicFace {
        core: Arc::clone(core),
        health_secret: None,
        options: ShellOptions::default(),
    })
}

/// The time as the nodes see it, which moves while the test runs.
fn clock(front: &Front) -> impl Fn() -> Timestamp + Clone + Send + Sync + use<> {
    let (base, started) = (front.platform.core.clock.now(), Instant::now());
    move || base + started.elapsed()
}

/// The keys, which do not change here.
struct Kept(String);

impl FetchJwks for Kept {
    async fn fetch(&self) -> Result<String, FetchError> {
        Ok(self.0.clone())
    }
}

/// Asks a node.
struct Fetch {
    router: Router,
    path: String,
}

impl FetchRevocations for Fetch {
    async fn fetch(&self, request: FeedRequest) -> Result<FeedAnswer, FetchError> {
        let mut ask = get(format!("{}?wait={}", self.path, request.wait_seconds));
        if let Some(etag) = request.etag {
            ask = ask.header("if-none-match", etag);
        }
        let answer: Answer = send_to(self.router.clone(), &ask).await;
        Ok(match answer.status {
            304 => FeedAnswer::NotModified,
            _ => FeedAnswer::Document {
                etag: Some(answer.header("etag").to_owned()),
                text: answer.text,
            },
        })
    }
}

struct Consumer {
    verifier: Arc<Verifier>,
    keys: doorward_verify::JwksSet,
    _poller: tokio::task::JoinHandle<std::convert::Infallible>,
}

impl Consumer {
    /// Polls the feed at one node, as the docs say.
    fn start(front: &Front, router: &Router, app: &TestApp, core: &Arc<Core>) -> Self {
        let held = Arc::new(Revocations::new(ISSUER, app.id.as_uuid()));
        let verifier = Verifier::builder(ISSUER, app.id.as_uuid(), Audience::ServiceUrl)
            .algorithms(&[Algorithm::Es256])
            .revocations(Arc::clone(&held), WhenStale::Refuse)
            .build()
            .unwrap();
        let jwks = core.signing().jwks().to_string();
        let keys = doorward_verify::JwksSet::from_json(&jwks).unwrap();
        let rotating = Arc::new(RotatingKeys::new(Kept(jwks), RefreshTiming::default()));
        let fetch = Fetch {
            router: router.clone(),
            path: feed_of(app),
        };
        let feed = RotatingRevocations::new(fetch, rotating, held, FeedTiming::default());
        let clock = clock(front);
        let poller = tokio::spawn(async move {
            loop {
                let polled = feed.poll(&clock).await;
                polled.outcome.expect("the feed is good");
                tokio::time::sleep(polled.pause.unsigned_abs()).await;
            }
        });
        Self {
            verifier: Arc::new(verifier),
            keys,
            _poller: poller,
        }
    }

    fn look(&self, token: &SecretText, now: Timestamp) -> Result<(), Reason> {
        match self.verifier.verify(token.expose(), &self.keys, now) {
            Ok(_) => Ok(()),
            Err(VerifyError::Revoked(reason) | VerifyError::Unavailable(reason)) => Err(reason),
            Err(other) => panic!("{other}"),
        }
    }

    /// How long until a token is refused for this reason.
    async fn until_refused(&self, token: &SecretText, reason: Reason, front: &Front) -> Duration {
        let (started, clock) = (Instant::now(), clock(front));
        while started.elapsed() < Duration::from_secs(20) {
            match self.look(token, clock()) {
                Err(found) if found == reason => return started.elapsed(),
                Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(other) => panic!("refused for another reason: {other}"),
            }
        }
        panic!("the revocation never came")
    }

    async fn until_accepted(&self, token: &SecretText, front: &Front) {
        let (started, clock) = (Instant::now(), clock(front));
        while self.look(token, clock()).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "it is never accepted"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

on_both_engines! {
    async fn a_revocation_holds_within_the_promised_time(db: TestDatabase) {
        let front = Front::start(&db).await;
        let (app, other) = (front.platform.app("shop").await, front.platform.app("other").await);
        let second = front.platform.second_node().await;
        let (stop, stopped) = watch::channel(());
        let jobs = jobs::spawn(&second, &stopped);
        let far = node(&second);
        let consumer = Consumer::start(&front, &far, &app, &front.platform.core);
        let (_, bystander) = front.platform.sign_in(&app, "bob@example.com").await;
        let (ada, first) = front.platform.sign_in(&app, "ada@example.com").await;
        let (_, second_session) = front.platform.sign_in(&app, "ada@example.com").await;
        let (_, foreign) = front.platform.sign_in(&other, "ada@example.com").await;
        drop(foreign);
        consumer.until_accepted(&first.access_token, &front).await;

        // Signed out at one node; the consumer listens to the other.
        let body = json!({"refresh_token": first.refresh_token.expose()});
        assert_eq!(front.send(post("/auth/revoke", body).by(&app)).await.status, 200);
        let session = consumer
            .until_refused(&first.access_token, Reason::SessionRevoked, &front)
            .await;
        let now = clock(&front);
        assert_eq!(consumer.look(&second_session.access_token, now()), Ok(()));

        // The other session of hers, with all there are.
        let revoke = post("/auth/revoke-user", json!({"user_id": ada})).by(&app);
        let answer = front.send(revoke).await;
        assert_eq!(answer.json()["sessions_revoked"], 1);
        let user = consumer
            .until_refused(&second_session.access_token, Reason::UserRevoked, &front)
            .await;
        assert_eq!(consumer.look(&bystander.access_token, now()), Ok(()));

        // The app is switched off: nobody's tokens count.
        let off = post(format!("/admin/apps/{}/deactivate", app.id), crate::front::meant(app.id));
        assert_eq!(front.admin(off).await.status, 200);
        let all = consumer
            .until_refused(&bystander.access_token, Reason::AppRevoked, &front)
            .await;
        for took in [session, user, all] {
            assert!(took < PROMISED * 3, "{took:?} is far more than promised");
        }
        drop(stop);
        for job in jobs {
            job.await.unwrap();
        }
    }

    async fn the_feed_is_cacheable_and_names_nobody(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let (ada, tokens) = front.platform.sign_in(&app, "ada@example.com").await;
        let path = feed_of(&app);
        let empty = front.send(get(&path)).await;
        assert_eq!(empty.status, 200);
        assert_eq!(empty.header("content-type"), "application/jwt");
        assert_eq!(empty.header("cache-control"), "public, max-age=5");
        let kept = get(&path).header("if-none-match", empty.header("etag"));
        let again = front.send(kept.clone()).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        assert_eq!(again.header("etag"), empty.header("etag"));

        let ask = post("/auth/revoke-user", json!({"user_id": ada})).by(&app);
        assert_eq!(front.send(ask).await.status, 200);
        // No job reads the news here: what is kept counts as current for a second.
        front.platform.advance(1);
        let full = front.send(kept).await;
        assert_eq!(full.status, 200);
        assert_ne!(full.header("etag"), empty.header("etag"));
        let text = decoded(&full.text);
        assert!(!text.contains(&ada.to_string()), "{text}");
        drop(tokens);

        // The same document from another node; nothing is left of it when the tokens are dead.
        let beside = send_to(node(&front.platform.second_node().await), &get(&path)).await;
        assert_eq!(beside.header("etag"), full.header("etag"));
        front.platform.advance(3_600 + 121);
        let over = decoded(&front.send(get(&path)).await.text);
        assert!(over.contains(r#""users":"""#), "{over}");
    }

    async fn a_wait_ends_in_time_or_with_the_server(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let path = feed_of(&app);
        let etag = front.send(get(&path)).await.header("etag").to_owned();
        let wait = |seconds| {
            get(format!("{path}?wait={seconds}")).header("if-none-match", etag.clone())
        };
        let started = Instant::now();
        let answer = front.send(wait(1)).await;
        assert_eq!((answer.status, answer.header("cache-control")), (304, "no-cache"));
        assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
        // Another tag has nothing to wait for.
        let started = Instant::now();
        let other = get(format!("{path}?wait=20")).header("if-none-match", "\"other\"");
        assert_eq!(front.send(other).await.status, 200);
        // A server that stops sends everybody home.
        let core = Arc::clone(&front.platform.core);
        let stopping = async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            doorward_service::health::announce_stop(&core);
        };
        let (answer, ()) = tokio::join!(front.send(wait(20)), stopping);
        assert_eq!(answer.status, 304);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    async fn what_is_asked_for_wrongly_is_refused(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let path = feed_of(&app);
        for (path, field) in [
            (format!("{path}?wait=26"), "wait"),
            (format!("{path}?wait=x"), "wait"),
            (format!("{path}?waiting=1"), "waiting"),
            ("/apps/nobody/revocations".to_owned(), "app_id"),
        ] {
            let answer = front.send(get(path)).await;
            assert_eq!(answer.brief(), (400, "VALIDATION_ERROR".to_owned()));
            assert_eq!(answer.fields(), [field]);
        }
        let unknown = uuid::Uuid::from_u128(7);
        let answer = front.send(get(format!("/apps/{unknown}/revocations"))).await;
        assert_eq!(answer.brief(), (404, "APP_NOT_FOUND".to_owned()));
    }

    async fn who_waits_takes_no_place_of_sign_ins(db: TestDatabase) {
        let front = Front::start(&db).await;
        let app = front.platform.app("shop").await;
        let router = public_router(PublicFace {
            core: Arc::clone(&front.platform.core),
            health_secret: None,
            options: ShellOptions { max_in_flight: 4, ..ShellOptions::default() },
        });
        let path = feed_of(&app);
        let etag = front.send(get(&path)).await.header("etag").to_owned();
        let wait = get(format!("{path}?wait=2")).header("if-none-match", etag);
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (router, wait) = (router.clone(), wait.clone());
                tokio::spawn(async move { send_to(router, &wait).await.status })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        // Two of four may wait. A third is answered at once: whoever takes all places must not keep
        // the news from consumers, who may refuse every token then. Everything else goes on.
        let started = Instant::now();
        let third = send_to(router.clone(), &wait).await;
        assert_eq!(third.status, 304);
        let first = send_to(router.clone(), &get(&path)).await;
        assert_eq!(first.status, 200);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        let me = send_to(router, &get("/auth/me")).await;
        assert_eq!(me.brief(), (401, "TOKEN_INVALID".to_owned()));
        for waited in waiting {
            assert_eq!(waited.await.unwrap(), 304);
        }
    }
}

/// The payload of a JWS, as text.
fn decoded(jws: &str) -> String {
    use base64::Engine as _;
    let payload = jws.split('.').nth(1).expect("three parts");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .expect("base64url");
    String::from_utf8(bytes).expect("UTF-8")
}
