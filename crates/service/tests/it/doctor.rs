//! What an examination sees, and that it says what to do.

use doorward_domain::Code;
use doorward_domain::scope::Scopes;
use doorward_service::admin_keys::{self, CreateAdminKey};
use doorward_service::doctor::{self, Finding, Severity};
use doorward_service::{Operator, apps, maintenance, signing};
use doorward_testkit::database::Engine;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

async fn examine(platform: &Platform) -> Vec<Finding> {
    let found = doctor::examine(&platform.core, &platform.operator())
        .await
        .unwrap();
    for finding in &found {
        assert_eq!(
            finding.advice.is_some(),
            finding.severity != Severity::Ok,
            "{finding:?}"
        );
    }
    found
}

fn of<'a>(found: &'a [Finding], id: &str) -> &'a Finding {
    found
        .iter()
        .find(|finding| finding.id == id)
        .unwrap_or_else(|| panic!("{id}: {found:?}"))
}

const DAY: i64 = 86_400;

on_both_engines! {
    async fn a_young_platform_is_well_and_an_old_one_is_told_why_not(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        platform.app("shop").await;
        let key = CreateAdminKey {
            name: "forgotten".to_owned(),
            scopes: Scopes::all(),
            expires_at: None,
            reason: None,
        };
        admin_keys::create(&platform.core, &platform.operator(), key).await.unwrap();
        maintenance::run(&platform.core, true).await.unwrap();
        let found = examine(&platform).await;
        for id in [
            "database.schema", "keys.signing", "keys.master", "secrets.apps",
            "secrets.admin_keys", "queue.messages", "queue.given_up", "maintenance",
            "clock.history",
        ] {
            assert_eq!(of(&found, id).severity, Severity::Ok, "{:?}", of(&found, id));
        }
        // The platform's clock stands in the past, and the database's does not.
        if db.engine() == Engine::Postgres {
            assert_eq!(of(&found, "clock.database").severity, Severity::Fail);
        }

        platform.advance(400 * DAY);
        let found = examine(&platform).await;
        let signing = of(&found, "keys.signing");
        assert_eq!(signing.severity, Severity::Fail);
        assert!(signing.advice.as_deref().unwrap().contains("doorward key rotate"), "{signing:?}");
        let secrets = of(&found, "secrets.apps");
        assert_eq!(secrets.severity, Severity::Warn);
        assert!(secrets.seen.contains("shop") && secrets.seen.contains("400 days"), "{secrets:?}");
        assert!(of(&found, "secrets.admin_keys").seen.contains("forgotten has not been used"));
        assert_eq!(of(&found, "maintenance").severity, Severity::Fail);

        // What is advised mends it.
        let operator = platform.operator();
        signing::rotate(&platform.core, &operator, signing::RotateMode::Overlap).await.unwrap();
        maintenance::run(&platform.core, true).await.unwrap();
        let shop = apps::list(&platform.core, &operator, None, 10).await.unwrap()[0].id;
        apps::rotate_secret(&platform.core, &operator, shop, None, platform.deliberate(shop)).await.unwrap();
        let found = examine(&platform).await;
        for id in ["keys.signing", "maintenance", "secrets.apps"] {
            assert_eq!(of(&found, id).severity, Severity::Ok, "{:?}", of(&found, id));
        }

        // A clock that is set back has events from the future.
        platform.advance(-3_600);
        assert_eq!(of(&examine(&platform).await, "clock.history").severity, Severity::Fail);
    }

    async fn a_former_master_key_is_told_as_long_as_it_is_accepted(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let core = platform.node_with_new_master_key().await;
        let found = doctor::examine(&core, &platform.operator()).await.unwrap();
        let master = of(&found, "keys.master");
        assert_eq!(master.severity, Severity::Warn);
        assert!(master.seen.contains("1 signing keys") || master.seen.contains("2 signing keys"));
    }

    async fn who_may_not_look_is_refused(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let nobody = Operator::new(platform.operator().context, Scopes::default());
        let refused = doctor::examine(&platform.core, &nobody).await.unwrap_err();
        assert_eq!(refused.code(), Code::Forbidden);
    }
}
