//! Two things at the worst moment, on two nodes.

use std::sync::Arc;
use std::time::Duration;

use doorward_domain::Code;
use doorward_domain::otp::Purpose;
use doorward_domain::user::UserStatus;
use doorward_service::organizations::{self, CreateOrganization, UpdateOrganization};
use doorward_service::sessions::{self, Refresh};
use doorward_service::{Caller, otp, users};
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::{Platform, contact};

use super::support::{Stopping, code, to, with};

on_both_engines! {
    // The sign-in had seen an active user, the deactivation had not seen the session: it stayed
    // alive, and with it whoever was thrown out came back when the user was switched on again.
    async fn deactivation_ends_the_session_that_is_just_beginning(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        let (user, _) = platform.sign_in(&app, "ada@example.com").await;
        let mut context = platform.authenticate(&app).await;
        let request = to("ada@example.com", Purpose::Login, None);
        let sent = otp::send(&platform.core, &context, request).await.unwrap();
        let right = platform.code(app.id, "ada@example.com", 1).await;
        // Asked first for the event's id, then, with the user read, for the session's.
        let (stopping, handle) = Stopping::at(2);
        context.context.random = stopping;
        let sign_in = tokio::spawn({
            let core = Arc::clone(&platform.core);
            let request = with(sent.otp_request_id, right.expose(), Purpose::Login);
            async move { otp::verify(&core, &context, request).await }
        });
        let reached = tokio::task::spawn_blocking(move || {
            handle.reached.recv().unwrap();
            handle.go
        });
        let go = reached.await.unwrap();
        let deactivation = tokio::spawn({
            let operator = platform.operator();
            let app = app.id;
            async move {
                users::set_status(&second, &operator, app, user, UserStatus::Deactivated, users::SetStatus::default()).await
            }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        go.send(()).unwrap();
        let signed_in = sign_in.await.unwrap();
        deactivation.await.unwrap().unwrap();
        let operator = platform.operator();
        users::set_status(&platform.core, &operator, app.id, user, UserStatus::Active, users::SetStatus::default())
            .await
            .unwrap();
        if let Ok(otp::OtpVerified::SignedIn { tokens, .. }) = signed_in {
            let context = platform.authenticate(&app).await;
            let request =
                Refresh { refresh_token: tokens.refresh_token, idempotency_key: None, tenant_id: None };
            let back = sessions::refresh(&platform.core, &context, request).await;
            assert_eq!(code(back), Some(Code::TokenRevoked));
        }
    }

    // Both had looked, nobody had the address; the second to write was told INTERNAL_ERROR.
    async fn two_users_who_prove_one_address_at_once(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        let (ada, _) = platform.sign_in(&app, "+919876543210").await;
        let (bob, _) = platform.sign_in(&app, "+919876543211").await;
        let context = platform.authenticate(&app).await;
        let wanted = "shared@example.com";
        let request = to(wanted, Purpose::EmailVerify, Some(bob));
        let sent = otp::send(&platform.core, &context, request).await.unwrap();
        let right = platform.code(app.id, wanted, 0).await;

        let (written_tx, written) = std::sync::mpsc::channel();
        let (go, go_rx) = std::sync::mpsc::channel::<()>();
        let now = context.context.now();
        let app_id = app.id;
        let first = tokio::spawn(async move {
            second
                .store
                .write(move |tx| {
                    let set = tx.app(app_id).set_contact(ada, &contact(wanted), now)?;
                    // A transaction that is begun again has nobody to wait for.
                    written_tx.send(()).ok();
                    go_rx.recv_timeout(Duration::from_secs(5)).ok();
                    Ok::<_, doorward_store::StoreError>(set)
                })
                .await
        });
        tokio::task::spawn_blocking(move || written.recv().unwrap()).await.unwrap();
        let loser = tokio::spawn({
            let core = Arc::clone(&platform.core);
            let request = with(sent.otp_request_id, right.expose(), Purpose::EmailVerify);
            async move { otp::verify(&core, &context, request).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        go.send(()).unwrap();
        assert!(first.await.unwrap().unwrap());
        assert_eq!(code(loser.await.unwrap()), Some(Code::AddressTaken));
    }

    // Archived against the version that was shown; renamed by somebody else at that moment. The
    // version had been compared, the row was changed later.
    async fn an_organization_is_archived_as_it_was_shown_or_not_at_all(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let app = platform.app("shop").await;
        let context = platform.authenticate(&app).await;
        let request = CreateOrganization { name: "Acme".to_owned(), owner: None };
        let caller = Caller::App(&context);
        let shown = organizations::create(&platform.core, caller, request).await.unwrap();

        let (written_tx, written) = std::sync::mpsc::channel();
        let (go, go_rx) = std::sync::mpsc::channel::<()>();
        let (app_id, id, now) = (app.id, shown.id, context.context.now());
        let rename = tokio::spawn(async move {
            second
                .store
                .write(move |tx| {
                    let renamed = tx.app(app_id).rename_organization(id, 1, "Other", now)?;
                    // A transaction that is begun again has nobody to wait for.
                    written_tx.send(()).ok();
                    go_rx.recv_timeout(Duration::from_secs(5)).ok();
                    Ok::<_, doorward_store::StoreError>(renamed)
                })
                .await
        });
        tokio::task::spawn_blocking(move || written.recv().unwrap()).await.unwrap();
        let archive = tokio::spawn({
            let core = Arc::clone(&platform.core);
            let context = context.clone();
            let request = UpdateOrganization {
                archived: Some(true),
                expected_version: Some(shown.version),
                ..UpdateOrganization::default()
            };
            async move { organizations::update(&core, Caller::App(&context), id, request).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        go.send(()).unwrap();
        assert!(rename.await.unwrap().unwrap());
        assert_eq!(code(archive.await.unwrap()), Some(Code::Conflict));
        let now = organizations::show(&platform.core, caller, id).await.unwrap();
        assert_eq!((now.name.as_str(), now.archived_at), ("Other", None));
    }
}
