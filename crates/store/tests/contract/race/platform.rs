//! What nodes fight for.

use std::collections::BTreeMap;

use doorward_domain::app::AppSettings;
use doorward_domain::contact::Channel;
use doorward_domain::scope::Scopes;
use doorward_domain::signing::{KeyState, SigningAlg};
use doorward_domain::{AdminKeyId, NodeId};
use doorward_store::platform::{AdminKey, AppChange, LeaseRequest, StoredSigningKey};
use doorward_testkit::database::TestDatabase;

use super::{race, winners};
use crate::support::{
    Platform, at, fresh, hash, lease_request, new_app, new_message, platform, seed_app,
};

on_both_engines_by_name! {
    each_message_is_leased_once
    one_of_many_nodes_gets_a_job
    one_of_many_nodes_rotates_the_signing_key
    one_of_many_nodes_makes_the_next_signing_key
    one_of_many_nodes_retires_a_signing_key
    one_of_many_apps_gets_a_slug
    one_of_many_changes_of_a_version_is_made
    one_of_many_revokes_an_admin_key
    one_of_many_takes_an_idempotency_key_and_the_others_read_its_answer
}

async fn each_message_is_leased_once(db: TestDatabase) {
    let mut apps = Vec::new();
    for _ in 0..4 {
        let app = seed_app(&db).await;
        let messages: Vec<_> = (0..10).map(|_| new_message(app.id)).collect();
        app.write(move |app| {
            messages
                .iter()
                .try_for_each(|message| app.enqueue(message, false))
        })
        .await;
        apps.push(app);
    }
    let nodes = [NodeId::from_uuid(fresh()), NodeId::from_uuid(fresh())];
    let answers = race(&db, |store, caller| {
        let request = LeaseRequest {
            after: (caller % 3 == 0).then(|| apps[caller % 4].id),
            ..lease_request(Channel::Sms, nodes[caller % 2], at(0), 5)
        };
        async move {
            Platform(store)
                .write(move |p| p.lease_messages(&request))
                .await
        }
    })
    .await;
    let mut leases = BTreeMap::new();
    for leased in answers.into_iter().flatten() {
        assert_eq!(leased.attempt, 1);
        *leases.entry(leased.message.id).or_insert(0) += 1;
    }
    assert!(leases.values().all(|count| *count == 1), "{leases:?}");
    // Nodes that collide get fewer than they might; what they left is there for the next.
    let request = lease_request(Channel::Sms, NodeId::from_uuid(fresh()), at(0), 100);
    let rest = platform(&db)
        .write(move |p| p.lease_messages(&request))
        .await;
    assert!(
        rest.iter()
            .all(|leased| !leases.contains_key(&leased.message.id))
    );
    assert_eq!(leases.len() + rest.len(), 40);
}

async fn one_of_many_nodes_gets_a_job(db: TestDatabase) {
    // First the row is made, then it is there.
    for round in 0..2 {
        let now = at(round * 60);
        let answers = race(&db, |store, _| {
            let node = NodeId::from_uuid(fresh());
            async move {
                Platform(store)
                    .write(move |p| p.lease_job("maintenance", node, now, at(round * 60 + 30), now))
                    .await
            }
        })
        .await;
        assert_eq!(winners(&answers), 1);
    }
}

fn signing_key(kid: &str, state: KeyState) -> StoredSigningKey {
    StoredSigningKey {
        kid: kid.to_owned(),
        alg: SigningAlg::Es256,
        state,
        public_der: vec![1],
        sealed_private: Some(vec![2]),
        created_at: at(0),
        activated_at: None,
        retiring_at: None,
        retire_after: None,
        retired_at: None,
    }
}

async fn seed_key(platform: &Platform, kid: &str, state: KeyState) {
    let key = signing_key(kid, state);
    assert!(platform.write(move |p| p.insert_signing_key(&key)).await);
}

async fn states(platform: &Platform) -> Vec<(String, KeyState)> {
    let keys = platform.read(|p| p.signing_keys()).await;
    keys.into_iter().map(|key| (key.kid, key.state)).collect()
}

async fn one_of_many_nodes_rotates_the_signing_key(db: TestDatabase) {
    let platform = platform(&db);
    seed_key(&platform, "a", KeyState::Active).await;
    seed_key(&platform, "b", KeyState::Next).await;
    let answers = race(&db, |store, caller| async move {
        // A node that rotates also makes the key after the next.
        let key = signing_key(&format!("c{caller:02}"), KeyState::Next);
        Platform(store)
            .write(move |p| {
                let rotated = p.rotate_signing_key("a", at(1), at(100))?;
                if rotated.is_some() {
                    assert!(p.insert_signing_key(&key)?);
                }
                Ok(rotated)
            })
            .await
    })
    .await;
    let won: Vec<_> = answers.iter().flatten().collect();
    assert_eq!(won, ["b"]);
    let states: Vec<_> = states(&platform)
        .await
        .into_iter()
        .map(|(_, state)| state)
        .collect();
    assert_eq!(
        states,
        [KeyState::Retiring, KeyState::Active, KeyState::Next]
    );
}

async fn one_of_many_nodes_makes_the_next_signing_key(db: TestDatabase) {
    let platform = platform(&db);
    for state in [KeyState::Active, KeyState::Next] {
        let answers = race(&db, |store, caller| async move {
            let key = signing_key(&format!("{state:?}-{caller}"), state);
            Platform(store)
                .write(move |p| p.insert_signing_key(&key))
                .await
        })
        .await;
        assert_eq!(winners(&answers), 1, "{state:?}");
    }
    assert_eq!(states(&platform).await.len(), 2);
}

async fn one_of_many_nodes_retires_a_signing_key(db: TestDatabase) {
    let platform = platform(&db);
    seed_key(&platform, "a", KeyState::Active).await;
    seed_key(&platform, "b", KeyState::Next).await;
    platform
        .write(|p| p.rotate_signing_key("a", at(1), at(100)))
        .await;
    let answers = race(&db, |store, _| async move {
        Platform(store)
            .write(|p| p.retire_signing_keys(at(100)))
            .await
    })
    .await;
    assert_eq!(answers.concat(), ["a"]);
}

async fn one_of_many_apps_gets_a_slug(db: TestDatabase) {
    let answers = race(&db, |store, _| async move {
        let app = new_app("shop");
        Platform(store).write(move |p| p.insert_app(&app)).await
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

async fn one_of_many_changes_of_a_version_is_made(db: TestDatabase) {
    let id = seed_app(&db).await.id;
    let answers = race(&db, |store, caller| async move {
        let change = AppChange {
            id,
            expected_version: 1,
            name: format!("caller {caller}"),
            settings: AppSettings::default(),
            now: at(1),
        };
        Platform(store).write(move |p| p.update_app(&change)).await
    })
    .await;
    assert_eq!(winners(&answers), 1);
    let winner = answers.iter().position(|won| *won).expect("a winner");
    let app = platform(&db)
        .read(move |p| p.app(id))
        .await
        .expect("it is there");
    assert_eq!((app.name, app.version), (format!("caller {winner}"), 2));
}

async fn one_of_many_revokes_an_admin_key(db: TestDatabase) {
    let key = AdminKey {
        id: AdminKeyId::from_uuid(fresh()),
        name: "a".to_owned(),
        key_hash: hash(5),
        scopes: Scopes::all(),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
        last_used_on: None,
    };
    let id = key.id;
    platform(&db).write(move |p| p.insert_admin_key(&key)).await;
    let answers = race(&db, |store, _| async move {
        Platform(store)
            .write(move |p| p.revoke_admin_key(id, at(1)))
            .await
    })
    .await;
    assert_eq!(winners(&answers), 1);
}

/// Whoever comes second waits until the first has ended, and reads what it left.
async fn one_of_many_takes_an_idempotency_key_and_the_others_read_its_answer(db: TestDatabase) {
    for round in 0..2 {
        let answers = race(&db, |store, caller| {
            let now = at(round * 60);
            async move {
                Platform(store)
                    .write(move |p| {
                        let first = p.claim_idempotency_key(&hash(1), now, at(round * 60 + 60))?;
                        if first {
                            p.store_idempotent_answer(&hash(1), &caller.to_be_bytes())?;
                        }
                        let answer = p.idempotent_answer(&hash(1), now)?;
                        Ok((first, answer.and_then(|answer| answer.sealed)))
                    })
                    .await
            }
        })
        .await;
        let firsts: Vec<_> = answers.iter().filter(|(first, _)| *first).collect();
        assert_eq!(firsts.len(), 1);
        let told = &firsts[0].1;
        assert!(told.is_some());
        assert!(answers.iter().all(|(_, answer)| answer == told));
    }
}
