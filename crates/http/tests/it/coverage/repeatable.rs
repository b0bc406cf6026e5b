//! Every operation of operators that creates may be repeated with an `Idempotency-Key`.

use std::collections::BTreeSet;

use doorward_domain::scope::Scope;
use serde_json::{Value, json};

use super::{Case, Needs, World};
use crate::front::{Answer, Ask, documents, operations};

/// The operations of the operator face whose documents promise it.
fn promised() -> BTreeSet<String> {
    let names_the_key = |operation: &Value| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|p| p["name"] == "Idempotency-Key"))
    };
    operations(&documents()[1])
        .into_iter()
        .filter(|(_, _, operation)| names_the_key(operation))
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect()
}

/// What creates answers 201.
fn creating() -> BTreeSet<String> {
    operations(&documents()[1])
        .into_iter()
        .filter(|(_, _, operation)| operation["responses"].get("201").is_some())
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect()
}

/// The same request with a field that no operation knows.
fn another(ask: &Ask) -> Ask {
    let mut other = ask.clone();
    let body = other.body.get_or_insert_with(|| json!({}));
    body["another"] = json!(true);
    other
}

impl World {
    async fn with_key(&self, ask: &Ask, key: &str, admin_key: &str) -> Answer {
        let ask = ask.clone().header("idempotency-key", key);
        self.front.send(ask.header("x-admin-key", admin_key)).await
    }

    pub(super) async fn repeats_what_creates(&self) {
        let promised = promised();
        assert!(promised.is_superset(&creating()), "{promised:?}");
        assert!(promised.len() >= 5, "{promised:?}");
        let cases = self.cases();
        for operation in &promised {
            let case = cases.iter().find(|case| case.operation == operation);
            self.repeats(case.expect("every operation has a case"))
                .await;
        }
    }

    async fn repeats(&self, case: &Case) {
        let named = case.operation;
        let Needs::Key(scope) = case.needs else {
            panic!("{named} asks for a key");
        };
        let admin_key = self.front.key(&[scope, Scope::AppsRead]).await;
        let key = format!("{named} 1").replace(' ', "_");

        // A refusal does not use the key up.
        let refused = self.with_key(&another(&case.good), &key, &admin_key).await;
        assert_eq!(refused.fields(), ["another"], "{named}");

        let first = self.with_key(&case.good, &key, &admin_key).await;
        assert!(first.status < 300, "{named}: {}", first.text);
        let before = self.front.platform.events(None).await.len();
        let again = self.with_key(&case.good, &key, &admin_key).await;
        assert_eq!(
            (first.status, &first.text),
            (again.status, &again.text),
            "{named}"
        );
        assert_eq!(first.header("etag"), again.header("etag"), "{named}");
        // Nothing happened but that the answer was given again.
        assert_eq!(
            self.audited(again.header("x-request-id")).await,
            ["operator.answer_repeated"],
            "{named}"
        );
        assert_eq!(
            self.front.platform.events(None).await.len(),
            before + 1,
            "{named}"
        );

        // Another operator's same key is another key; what it creates may conflict by itself.
        let others = self.front.key(&[scope, Scope::AppsRead]).await;
        let other = self.with_key(&case.good, &key, &others).await;
        assert_ne!(
            self.audited(other.header("x-request-id")).await,
            ["operator.answer_repeated"],
            "{named}"
        );
        // Whoever has lost the scope gets no old answer either.
        let none = self.front.key(&[Scope::MetricsRead]).await;
        assert_eq!(
            self.with_key(&case.good, &key, &none).await.status,
            403,
            "{named}"
        );

        let bad = self.with_key(&case.good, "with space", &admin_key).await;
        assert_eq!(bad.fields(), ["Idempotency-Key"], "{named}");
    }
}
