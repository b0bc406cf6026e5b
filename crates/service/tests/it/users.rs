//! Users, as operators look at them.

use std::sync::Arc;
use std::time::Duration;

use doorward_domain::contact::{Contact, EmailAddress, PhoneNumber};
use doorward_domain::role::RoleName;
use doorward_domain::scope::{Scope, Scopes};
use doorward_domain::user::UserStatus;
use doorward_domain::{AppId, Code, UserId};
use doorward_service::organizations::{self, CreateOrganization};
use doorward_service::roles::{self, RoleChange};
use doorward_service::users::SetStatus;
use doorward_service::{Caller, Operator, users};
use doorward_store::StoreError;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;
use tokio::sync::Notify;

on_both_engines! {
    async fn a_user_is_found_by_its_address_in_its_app(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (app, other) = (platform.app("shop").await, platform.app("other").await);
        let (ada, _) = platform.sign_in(&app, "Ada@example.com").await;
        let (twin, _) = platform.sign_in(&other, "ada@example.com").await;
        let email = || Contact::Email(EmailAddress::parse("ada@EXAMPLE.com").unwrap());
        let find = async |operator: &Operator, app: AppId, contact: Contact| {
            let found = users::find(&platform.core, operator, app, contact).await;
            found.map(|user| user.id).map_err(|error| error.code())
        };
        let operator = platform.operator();
        assert_eq!(find(&operator, app.id, email()).await, Ok(ada));
        assert_eq!(find(&operator, other.id, email()).await, Ok(twin));
        users::delete(&platform.core, &operator, app.id, ada, platform.delete_user(ada))
            .await
            .unwrap();
        assert_eq!(find(&operator, app.id, email()).await, Ok(ada));

        let phone = Contact::Phone(PhoneNumber::parse("+14155552671").unwrap());
        let nobody = find(&operator, app.id, phone).await;
        assert_eq!(nobody, Err(Code::UserNotFound));
        let nowhere = AppId::from_uuid(uuid::Uuid::from_u128(9));
        assert_eq!(find(&operator, nowhere, email()).await, Err(Code::AppNotFound));
        let reader = Operator::new(operator.context.clone(), Scopes::from_iter([Scope::OrgsRead]));
        assert_eq!(find(&reader, app.id, email()).await, Err(Code::Forbidden));
    }

    /// Somebody is made the only owner of an organization while he is switched off, deleted or erased:
    /// the organization is not left without one.
    async fn an_owner_made_at_this_moment_is_seen(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let (core, app, operator) = (&platform.core, platform.app("shop").await, platform.operator());
        for act in ["deactivate", "delete", "erase"] {
            let (ada, _) = platform.sign_in(&app, &format!("ada-{act}@example.com")).await;
            let (bob, _) = platform.sign_in(&app, &format!("bob-{act}@example.com")).await;
            let request = CreateOrganization { name: act.to_owned(), owner: Some(bob) };
            let caller = Caller::Operator(&operator, app.id);
            let org = organizations::create(core, caller, request).await.unwrap().id;

            // In one transaction what assigning and revoking do in two.
            let held = Arc::new(Notify::new());
            let (store, hold) = (core.store.clone(), Arc::clone(&held));
            let (app_id, now) = (app.id, platform.context().now());
            let owner = RoleName::owner();
            let making = tokio::spawn(async move {
                store
                    .write(move |tx| {
                        let mut scope = tx.app(app_id);
                        assert!(scope.hold_organization(org, false)?);
                        assert!(scope.hold_active_user(ada)?);
                        hold.notify_one();
                        std::thread::sleep(Duration::from_millis(300));
                        scope.assign_role(org, ada, &owner, now)?;
                        scope.revoke_roles(org, bob, None)?;
                        Ok::<_, StoreError>(())
                    })
                    .await
            });
            held.notified().await;
            let request = platform.delete_user(ada);
            let refused = match act {
                "deactivate" => users::deactivate(core, &operator, app.id, ada, SetStatus::default()).await.err(),
                "delete" => users::delete(core, &operator, app.id, ada, request).await.err(),
                _ => users::erase(core, &operator, app.id, ada, request).await.err(),
            };
            making.await.unwrap().unwrap();
            assert_eq!(refused.map(|error| error.code()), Some(Code::LastOwner), "{act}");
            let user = users::show(core, &operator, app.id, ada).await.unwrap();
            assert_eq!(user.status, UserStatus::Active, "{act}: nothing of it happened");
        }
    }

    /// The other way round, many times: at the end there is an owner, or nobody was made one.
    async fn owners_and_leavers_at_the_same_time_leave_an_owner(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let second = platform.second_node().await;
        let (app, operator) = (platform.app("shop").await, platform.operator());
        for round in 0..8 {
            let (ada, _) = platform.sign_in(&app, &format!("ada{round}@example.com")).await;
            let (bob, _) = platform.sign_in(&app, &format!("bob{round}@example.com")).await;
            let caller = Caller::Operator(&operator, app.id);
            let request = CreateOrganization { name: "Acme".to_owned(), owner: Some(bob) };
            let org = organizations::create(&platform.core, caller, request).await.unwrap().id;
            let owner = |user| RoleChange { user_id: user, tenant_id: org, role: Some(RoleName::owner()) };
            let handing_over = async {
                let made = roles::assign(&platform.core, caller, owner(ada)).await;
                if made.is_ok() {
                    drop(roles::revoke(&platform.core, caller, owner(bob)).await);
                }
            };
            let leaving = users::deactivate(&second, &operator, app.id, ada, SetStatus::default());
            let ((), left) = tokio::join!(handing_over, leaving);
            let nobody = UserId::from_uuid(uuid::Uuid::from_u128(1));
            let app_id = app.id;
            let has_owner = platform.core.store
                .read(move |tx| tx.app(app_id).has_another_owner(org, nobody))
                .await
                .unwrap();
            assert!(has_owner, "round {round}: {left:?}");
        }
    }
}
