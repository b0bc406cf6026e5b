//! Many at once, on one node and on two: what may happen once, happens once.

use std::sync::Arc;

use doorward_domain::Code;
use doorward_domain::otp::Purpose;
use doorward_service::otp::{self, SendOtp, VerifyOtp};
use doorward_service::sessions::{self, Refresh};
use doorward_service::{Core, Result};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, contact};

const MANY: usize = 64;

fn outcomes<T>(results: Vec<Result<T>>) -> (usize, Vec<Code>) {
    let mut codes: Vec<Code> = Vec::new();
    let mut won = 0;
    for result in results {
        match result {
            Ok(_) => won += 1,
            Err(error) => codes.push(error.code()),
        }
    }
    codes.sort_unstable();
    (won, codes)
}

async fn all<T: Send + 'static>(
    nodes: &[Arc<Core>],
    work: impl Fn(Arc<Core>) -> std::pin::Pin<Box<dyn Future<Output = Result<T>> + Send>>,
) -> Vec<Result<T>> {
    let tasks: Vec<_> = (0..MANY)
        .map(|n| tokio::spawn(work(Arc::clone(&nodes[n % nodes.len()]))))
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

on_both_engines! {
    async fn one_of_many_verifications_wins(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let nodes = [Arc::clone(&platform.core), platform.second_node().await];
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let request = SendOtp {
            contact: contact("ada@example.com"),
            purpose: Purpose::Login,
            user_id: None,
            client_ip: None,
        language: None,
        };
        let sent = otp::send(&platform.core, &context, request).await.unwrap();
        let request = VerifyOtp {
            otp_request_id: sent.otp_request_id,
            code: platform.code(app.id, "ada@example.com", 0).await,
            purpose: Purpose::Login,
            client_ip: None,
            tenant_id: None,
        };
        let results = all(&nodes, |core| {
            let (context, request) = (context.clone(), request.clone());
            Box::pin(async move { otp::verify(&core, &context, request).await })
        })
        .await;
        let (won, codes) = outcomes(results);
        assert_eq!(won, 1);
        assert!(codes.iter().all(|code| *code == Code::OtpAlreadyUsed), "{codes:?}");
    }

    async fn wrong_guesses_at_once_count_three(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let nodes = [Arc::clone(&platform.core), platform.second_node().await];
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let request = SendOtp {
            contact: contact("ada@example.com"),
            purpose: Purpose::Login,
            user_id: None,
            client_ip: None,
        language: None,
        };
        let sent = otp::send(&platform.core, &context, request).await.unwrap();
        let right = platform.code(app.id, "ada@example.com", 0).await;
        let guess = if right.expose() == "123456" { "654321" } else { "123456" };
        let request = VerifyOtp {
            otp_request_id: sent.otp_request_id,
            code: doorward_domain::secret::SecretText::new(guess),
            purpose: Purpose::Login,
            client_ip: None,
            tenant_id: None,
        };
        let results = all(&nodes, |core| {
            let (context, request) = (context.clone(), request.clone());
            Box::pin(async move { otp::verify(&core, &context, request).await })
        })
        .await;
        let (won, codes) = outcomes(results);
        let invalid = codes.iter().filter(|code| **code == Code::OtpInvalid).count();
        let locked = codes.iter().filter(|code| **code == Code::OtpLocked).count();
        assert_eq!((won, invalid, locked), (0, 3, MANY - 3));
    }

    async fn one_of_many_refreshes_wins(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let nodes = [Arc::clone(&platform.core), platform.second_node().await];
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let (_, tokens) = platform.sign_in(&app, "ada@example.com").await;
        let request =
            Refresh { refresh_token: tokens.refresh_token.clone(), idempotency_key: None, tenant_id: None };
        let results = all(&nodes, |core| {
            let (context, request) = (context.clone(), request.clone());
            Box::pin(async move { sessions::refresh(&core, &context, request).await })
        })
        .await;
        let (won, codes) = outcomes(results);
        assert_eq!(won, 1);
        // The first of the others is the reuse that ends the family; the rest find it ended.
        let reuse = codes.iter().filter(|code| **code == Code::TokenReuse).count();
        let revoked = codes.iter().filter(|code| **code == Code::TokenRevoked).count();
        assert_eq!(reuse + revoked, MANY - 1, "{codes:?}");
        assert!(reuse >= 1, "{codes:?}");
    }

    async fn the_same_key_gets_one_answer_many_times(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let nodes = [Arc::clone(&platform.core), platform.second_node().await];
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let (_, tokens) = platform.sign_in(&app, "ada@example.com").await;
        let request = Refresh {
            refresh_token: tokens.refresh_token.clone(),
            idempotency_key: Some("one".to_owned()),
            tenant_id: None,
        };
        let results = all(&nodes, |core| {
            let (context, request) = (context.clone(), request.clone());
            Box::pin(async move { sessions::refresh(&core, &context, request).await })
        })
        .await;
        let successors: std::collections::BTreeSet<String> = results
            .into_iter()
            .map(|result| result.unwrap().refresh_token.expose().to_owned())
            .collect();
        assert_eq!(successors.len(), 1);
    }

    async fn two_first_sign_ins_make_one_user(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        // Two live codes for one person: one for the address now, one after the other was used up.
        let (user, _) = platform.sign_in(&app, "ada@example.com").await;
        let (again, _) = platform.sign_in(&app, "ada@example.com").await;
        assert_eq!(user, again);
        let sends = (0..8).map(|_| {
            let (core, context) = (Arc::clone(&second), context.clone());
            tokio::spawn(async move {
                let request = SendOtp {
                    contact: contact("bob@example.com"),
                    purpose: Purpose::Login,
                    user_id: None,
                    client_ip: None,
        language: None,
                };
                otp::send(&core, &context, request).await
            })
        });
        let mut results = Vec::new();
        for send in sends.collect::<Vec<_>>() {
            results.push(send.await.unwrap());
        }
        let (allowed, codes) = outcomes(results);
        assert_eq!(allowed, 3);
        assert!(codes.iter().all(|code| *code == Code::OtpRateLimited));
    }
}
