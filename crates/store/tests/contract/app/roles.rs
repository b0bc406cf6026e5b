//! What an app says of its roles.

use doorward_domain::role::{Permission, RoleDefinition};
use doorward_store::StoreError;
use doorward_testkit::database::TestDatabase;

use super::members::role;
use crate::support::{Scope, at, email, platform, seed_app, seed_organization, seed_user};

contract! {
    a_definition_is_put_and_replaced: AppWrite::put_role;
    a_role_somebody_has_is_not_forgotten: AppWrite::delete_role;
}

fn definition(description: &str, permissions: &[&str]) -> RoleDefinition {
    RoleDefinition {
        description: description.to_owned(),
        permissions: permissions
            .iter()
            .map(|name| Permission::parse(name).expect("a permission"))
            .collect(),
    }
}

async fn book(db: &TestDatabase, app: &Scope) -> Vec<(String, RoleDefinition)> {
    let id = app.id;
    let found = platform(db)
        .read(move |p| p.app(id))
        .await
        .expect("the app");
    let roles = found.roles.iter();
    roles
        .map(|(name, definition)| (name.to_string(), definition.clone()))
        .collect()
}

async fn a_definition_is_put_and_replaced(db: TestDatabase) {
    let (app, other) = (seed_app(&db).await, seed_app(&db).await);
    assert!(book(&db, &app).await.is_empty());
    let put = async |app: &Scope, name: &str, definition: &RoleDefinition| {
        let (name, definition) = (role(name), definition.clone());
        app.write(move |app| app.put_role(&name, &definition, at(1)))
            .await;
    };
    let (first, second) = (definition("Edits", &["b", "a"]), definition("", &[]));
    put(&app, "editor", &first).await;
    put(&app, "admin", &second).await;
    put(&other, "editor", &second).await;
    assert_eq!(
        book(&db, &app).await,
        [
            ("admin".to_owned(), second.clone()),
            ("editor".to_owned(), first.clone())
        ]
    );
    put(&app, "editor", &second).await;
    put(&app, "admin", &first).await;
    assert_eq!(
        book(&db, &app).await,
        [("admin".to_owned(), first), ("editor".to_owned(), second)]
    );
}

async fn a_role_somebody_has_is_not_forgotten(db: TestDatabase) {
    let app = seed_app(&db).await;
    let tenant = seed_organization(&app).await;
    let ada = seed_user(&app, email("ada@example.com")).await;
    app.write(move |app| {
        app.put_role(&role("editor"), &definition("", &[]), at(1))?;
        app.put_role(&role("admin"), &definition("", &[]), at(1))?;
        app.assign_role(tenant, ada, &role("editor"), at(2))?;
        app.assign_role(tenant, ada, &role("admin"), at(2))
    })
    .await;
    let delete = async |name: &str| {
        let name = role(name);
        app.try_write(move |app| app.delete_role(&name)).await
    };
    let refused = delete("editor").await;
    assert!(
        matches!(refused, Err(StoreError::Constraint { .. })),
        "{refused:?}"
    );
    // A built-in role stays what it is without a definition.
    assert!(delete("admin").await.expect("it goes"));
    assert!(!delete("admin").await.expect("it is gone"));
    app.write(move |app| app.revoke_roles(tenant, ada, Some(&role("editor"))))
        .await;
    assert!(delete("editor").await.expect("it goes"));
    assert!(book(&db, &app).await.is_empty());
}
