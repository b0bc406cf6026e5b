//! kill -9 under load: no answered refresh is lost, no consumed token works again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorward_testkit::database::Engine;
use serde_json::json;
use tokio::sync::Mutex;

use crate::support::{App, Server, on};

const CLIENTS: usize = 16;
const KILLS: usize = 3;

/// An honest client: works serially, and repeats a question with the same key until it is answered.
struct Client {
    token: String,
    key: usize,
    /// Tokens whose successor was received.
    spent: Vec<String>,
}

impl Client {
    /// One refresh; `false` when there was no answer.
    async fn step(&mut self, server: &Server, app: &App, answered: &AtomicUsize) -> bool {
        let body = json!({ "refresh_token": self.token });
        let key = format!("key-{}", self.key);
        match server
            .try_call(app, "/auth/refresh", body, Some(&key))
            .await
        {
            Ok(answer) if answer.status == 200 => {
                let successor = answer.text("refresh_token");
                self.spent
                    .push(std::mem::replace(&mut self.token, successor));
                self.key += 1;
                answered.fetch_add(1, Ordering::SeqCst);
                true
            }
            // Busy or going down: as good as no answer.
            Ok(answer) if answer.status == 503 => false,
            Ok(answer) => panic!("an honest client was refused: {answer:?}"),
            Err(_) => false,
        }
    }
}

async fn load_until_killed(
    server: &mut Server,
    app: &App,
    clients: &[Arc<Mutex<Client>>],
    answered: &Arc<AtomicUsize>,
) {
    let goal = answered.load(Ordering::SeqCst) + 40 * clients.len() / 10;
    let shared = Arc::new(server.shallow());
    let tasks: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, app) = (Arc::clone(client), app.clone());
            let (answered, shared) = (Arc::clone(answered), Arc::clone(&shared));
            tokio::spawn(async move {
                let mut client = client.lock().await;
                while client.step(&shared, &app, &answered).await {}
            })
        })
        .collect();
    for _ in 0..3_000 {
        if answered.load(Ordering::SeqCst) >= goal {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(answered.load(Ordering::SeqCst) >= goal, "there was load");
    server.kill();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn story(mut server: Server) {
    let app = server.create_app("shop");
    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        let (request, code) = server
            .send_login(&app, "email", &format!("user{n}@example.com"), 0)
            .await;
        let token = server
            .verify(&app, &request, &code)
            .await
            .text("refresh_token");
        clients.push(Arc::new(Mutex::new(Client {
            token,
            key: 0,
            spent: Vec::new(),
        })));
    }
    for _ in 0..KILLS {
        load_until_killed(&mut server, &app, &clients, &answered).await;
        server.restart().await;
        // Everybody repeats what was not answered, and goes on.
        for client in &clients {
            let mut client = client.lock().await;
            assert!(client.step(&server, &app, &answered).await);
        }
    }
    // What was consumed stays consumed: each old token is a reuse, and ends its session.
    for client in &clients {
        let client = client.lock().await;
        let spent = client.spent.last().unwrap();
        let reuse = server.refresh(&app, spent).await;
        assert_eq!((reuse.status, reuse.code()), (401, "TOKEN_REUSE"));
        let dead = server.refresh(&app, &client.token).await;
        assert_eq!((dead.status, dead.code()), (401, "TOKEN_REVOKED"));
    }
    println!(
        "{} refreshes answered, {KILLS} kills",
        answered.load(Ordering::SeqCst)
    );
}

#[test]
fn sqlite() {
    on(Engine::Sqlite, story);
}

#[test]
fn postgres() {
    on(Engine::Postgres, story);
}
