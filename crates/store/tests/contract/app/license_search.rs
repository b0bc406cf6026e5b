//! Finding licences, and the devices on one.

use doorward_domain::license::{LicenseState, LicenseStatus, ReleaseReason};
use doorward_domain::{ActivationId, LicenseId, TenantId, UserId};
use doorward_store::StoreError;
use doorward_store::app::{LicenseFilter, LicensePlace, NewLicense};
use doorward_testkit::database::TestDatabase;

use crate::support::{
    Scope, at, claim, email, fresh, hash, new_license, seed_app, seed_license, seed_organization,
    seed_user,
};

contract! {
    licences_are_listed_newest_first: AppRead::licenses;
    every_filter_filters: AppRead::licenses;
    a_licence_is_found_by_how_it_stands: AppRead::licenses;
    a_page_looks_at_a_bounded_number: AppRead::licenses;
    labels_lead_page_by_page: AppRead::licenses;
    a_place_belongs_to_its_order: AppRead::licenses, LicenseFilter::is_by_label;
    devices_are_listed_while_they_hold_a_slot: AppRead::activations, AppRead::activation;
}

fn all() -> LicenseFilter {
    LicenseFilter {
        limit: 100,
        ..LicenseFilter::default()
    }
}

async fn list(app: &Scope, filter: LicenseFilter) -> Vec<LicenseId> {
    let found = app.read(move |app| app.licenses(&filter, at(50))).await;
    found.licenses.iter().map(|license| license.id).collect()
}

async fn licences_are_listed_newest_first(db: TestDatabase) {
    let app = seed_app(&db).await;
    assert!(list(&app, all()).await.is_empty());
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(seed_license(&app, 1).await.0);
    }
    ids.reverse();
    assert_eq!(list(&app, all()).await, ids);
    let page = |before: Option<LicenseId>| LicenseFilter {
        after: before.map(LicensePlace::Id),
        limit: 2,
        ..all()
    };
    assert_eq!(list(&app, page(None)).await, ids[..2]);
    assert_eq!(list(&app, page(Some(ids[1]))).await, ids[2..4]);
    assert_eq!(list(&app, page(Some(ids[3]))).await, ids[4..]);
    assert!(list(&app, page(Some(ids[4]))).await.is_empty());
    let (one, id) = (
        app.read(move |app| app.licenses(&all(), at(1))).await,
        ids[0],
    );
    let alone = app.read(move |app| app.license(id, at(1))).await;
    assert_eq!(one.licenses.first(), alone.as_ref(), "whole licences");
}

async fn every_filter_filters(db: TestDatabase) {
    let app = seed_app(&db).await;
    let users = [
        seed_user(&app, email("ada@example.com")).await,
        seed_user(&app, email("bob@example.com")).await,
    ];
    let tenants = [seed_organization(&app).await, seed_organization(&app).await];
    let mut ids = Vec::new();
    for (index, label) in ["Order 1", "Order 12", "order 1", "Örder"]
        .into_iter()
        .enumerate()
    {
        let new = NewLicense {
            key: Some((
                hash(u8::try_from(index).expect("few")),
                vec![1],
                ["AAAA", "BBBB"][index % 2].to_owned(),
            )),
            label: Some(label.to_owned()),
            issued_to: Some(["Ada", "ada"][index / 2].to_owned()),
            user_id: Some(users[index % 2]),
            tenant_id: Some(tenants[index / 2]),
            ..new_license()
        };
        ids.insert(0, new.id);
        app.write(move |app| app.insert_license(&new)).await;
    }
    let bare = seed_license(&app, 1).await.0;
    assert_eq!(list(&app, all()).await.len(), 5);
    // Newest first: Örder (Bob, second tenant, ada), order 1 (Ada, ...), Order 12, Order 1.
    let cases: [(LicenseFilter, &[usize]); 12] = [
        (of_user(users[0]), &[1, 3]),
        (of_user(UserId::from_uuid(fresh())), &[]),
        (of_tenant(tenants[0]), &[2, 3]),
        (of_tenant(TenantId::from_uuid(fresh())), &[]),
        (issued_to("Ada"), &[2, 3]),
        (issued_to("Ad"), &[]),
        (labelled("Order 1"), &[3, 2]),
        (labelled("Order 12"), &[2]),
        (labelled("Ö"), &[0]),
        (labelled("%"), &[]),
        (
            LicenseFilter {
                key_hint: Some("AAAA".to_owned()),
                ..all()
            },
            &[1, 3],
        ),
        (
            LicenseFilter {
                tenant_id: Some(tenants[0]),
                issued_to: Some("Ada".to_owned()),
                label_prefix: Some("Order".to_owned()),
                key_hint: Some("BBBB".to_owned()),
                state: Some(LicenseState::Issued),
                ..of_user(users[1])
            },
            &[2],
        ),
    ];
    for (filter, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|index| ids[*index]).collect();
        let found = list(&app, filter.clone()).await;
        assert_eq!(found, expected, "{filter:?}");
        assert!(!found.contains(&bare));
        let none = LicenseFilter {
            state: Some(LicenseState::Revoked),
            ..filter
        };
        assert!(list(&app, none).await.is_empty());
    }
}

fn of_user(user_id: UserId) -> LicenseFilter {
    LicenseFilter {
        user_id: Some(user_id),
        ..all()
    }
}

fn of_tenant(tenant_id: TenantId) -> LicenseFilter {
    LicenseFilter {
        tenant_id: Some(tenant_id),
        ..all()
    }
}

fn issued_to(text: &str) -> LicenseFilter {
    LicenseFilter {
        issued_to: Some(text.to_owned()),
        ..all()
    }
}

fn labelled(prefix: &str) -> LicenseFilter {
    LicenseFilter {
        label_prefix: Some(prefix.to_owned()),
        ..all()
    }
}

/// What is listed under a state is what the licence says of itself.
async fn a_licence_is_found_by_how_it_stands(db: TestDatabase) {
    let app = seed_app(&db).await;
    // Slots, slots taken, slots that cooled off by 50, end, status.
    for (max, devices, cooled, end, status) in [
        (2, 0, 0, None, LicenseStatus::Active),
        (2, 1, 0, Some(51), LicenseStatus::Active),
        (2, 2, 0, None, LicenseStatus::Active),
        (2, 2, 1, None, LicenseStatus::Active),
        (2, 1, 1, None, LicenseStatus::Active),
        (2, 1, 0, Some(50), LicenseStatus::Active),
        (2, 1, 0, Some(50), LicenseStatus::Suspended),
        (2, 2, 0, None, LicenseStatus::Revoked),
    ] {
        let new = NewLicense {
            key: Some((hash_of(fresh()), vec![1], "AAAA".to_owned())),
            max_activations: max,
            expires_at: end.map(at),
            ..new_license()
        };
        let id = new.id;
        app.write(move |app| {
            app.insert_license(&new)?;
            for device in 0..devices {
                let claim = claim(id, device, at(1));
                app.claim_seat(&claim)?;
                if device < cooled {
                    let reason = ReleaseReason::SelfRelease;
                    app.release_seat(claim.activation_id, reason, Some(at(50)), at(2))?;
                }
            }
            if status != LicenseStatus::Active {
                app.set_license_status(id, status, None, at(3))?;
            }
            Ok(())
        })
        .await;
    }
    let every = app.read(|app| app.licenses(&all(), at(50))).await;
    let states: Vec<_> = every.licenses.iter().map(|l| l.state(at(50))).collect();
    use LicenseState as S;
    assert_eq!(
        states,
        [
            S::Revoked,
            S::Suspended,
            S::Expired,
            S::Issued,
            S::Active,
            S::Full,
            S::Active,
            S::Issued
        ]
    );
    for state in LicenseState::ALL {
        let filter = LicenseFilter {
            state: Some(state),
            ..all()
        };
        let expected: Vec<_> = every
            .licenses
            .iter()
            .filter(|license| license.state(at(50)) == state)
            .map(|license| license.id)
            .collect();
        assert_eq!(list(&app, filter).await, expected, "{state:?}");
    }
}

/// 2,000 licences, or all that a label has if they are fewer: then the cursor leads on.
async fn a_page_looks_at_a_bounded_number(db: TestDatabase) {
    let app = seed_app(&db).await;
    let seeds: Vec<NewLicense> = (0..2_100)
        .map(|number| NewLicense {
            key: Some((hash_of(fresh()), vec![1], "AAAA".to_owned())),
            label: Some(format!("Order {number}")),
            ..new_license()
        })
        .collect();
    let ids: Vec<_> = seeds.iter().map(|license| license.id).collect();
    app.write(move |app| {
        seeds
            .iter()
            .try_for_each(|license| app.insert_license(license).map(drop))
    })
    .await;
    let (oldest, last_of_page) = (ids[0], ids[100]);
    app.write(move |app| app.set_license_status(oldest, LicenseStatus::Revoked, None, at(3)))
        .await;
    let page = async |filter: LicenseFilter| {
        let filter = LicenseFilter { limit: 3, ..filter };
        let found = app.read(move |app| app.licenses(&filter, at(50))).await;
        let ids: Vec<_> = found.licenses.iter().map(|license| license.id).collect();
        (ids, found.next)
    };
    let full = LicenseFilter {
        state: Some(LicenseState::Full),
        ..all()
    };
    let last_of_page = Some(LicensePlace::Id(last_of_page));
    assert_eq!(page(full.clone()).await, (vec![], last_of_page.clone()));
    let rest = LicenseFilter {
        after: last_of_page,
        ..full
    };
    assert_eq!(page(rest).await, (vec![], None));
    // An index leads to what is rare.
    let revoked = LicenseFilter {
        state: Some(LicenseState::Revoked),
        ..all()
    };
    assert_eq!(page(revoked).await, (vec![oldest], None));
    assert_eq!(page(labelled("Order 0")).await, (vec![oldest], None));
    // However many have such a label, a page reads its own rows.
    let place = |number: usize| Some(LicensePlace::Label(format!("Order {number}"), ids[number]));
    let (found, next) = page(labelled("Order")).await;
    assert_eq!((found, next), (vec![ids[0], ids[1], ids[10]], place(10)));
    let rest = LicenseFilter {
        after: place(998),
        ..labelled("Order")
    };
    assert_eq!(page(rest).await, (vec![ids[999]], None));
    // Judged by more than the label, 200 of them.
    let full = LicenseFilter {
        state: Some(LicenseState::Full),
        ..labelled("Order 1")
    };
    let mut labels: Vec<_> = (0..2_100).map(|number| format!("Order {number}")).collect();
    labels.retain(|label| label.starts_with("Order 1"));
    labels.sort();
    let last = labels[199]
        .trim_start_matches("Order ")
        .parse()
        .expect("a number");
    assert_eq!(page(full.clone()).await, (vec![], place(last)));
    let mut pages = 1;
    let mut after = place(last);
    while after.is_some() {
        let (found, next) = page(LicenseFilter {
            after,
            ..full.clone()
        })
        .await;
        assert!(found.is_empty());
        (pages, after) = (pages + 1, next);
    }
    assert_eq!(pages, labels.len() / 200 + 1);
}

/// Each one once, by label and among equal labels by age, wherever a page ends and whatever is judged
/// beside the label.
async fn labels_lead_page_by_page(db: TestDatabase) {
    let app = seed_app(&db).await;
    let tenant = seed_organization(&app).await;
    let labels = [
        "b",
        "ab",
        "a",
        "ab",
        "a\u{10FFFF}",
        "ab",
        "aB",
        "\u{e4}",
        "a",
    ];
    let mut expected = Vec::new();
    for (number, label) in labels.into_iter().enumerate() {
        let new = NewLicense {
            key: Some((hash_of(fresh()), vec![1], "AAAA".to_owned())),
            label: Some(label.to_owned()),
            tenant_id: (number % 2 == 0).then_some(tenant),
            ..new_license()
        };
        expected.push((label, new.id, new.tenant_id));
        app.write(move |app| app.insert_license(&new)).await;
    }
    seed_license(&app, 1).await;
    expected.sort();
    for of_tenant in [None, Some(tenant)] {
        for prefix in ["a", "ab", "b", "\u{e4}", "c", "A"] {
            let wanted = expected.iter().filter(|(label, _, whose)| {
                label.starts_with(prefix) && of_tenant.is_none_or(|tenant| *whose == Some(tenant))
            });
            let wanted: Vec<_> = wanted.map(|(_, id, _)| *id).collect();
            for limit in 1..=4 {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let filter = LicenseFilter {
                        tenant_id: of_tenant,
                        after,
                        limit,
                        ..labelled(prefix)
                    };
                    let page = app.read(move |app| app.licenses(&filter, at(50))).await;
                    found.extend(page.licenses.iter().map(|license| license.id));
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(found, wanted, "{prefix} {limit} {of_tenant:?}");
            }
            // Of another search: before the first such label.
            let before = LicenseFilter {
                tenant_id: of_tenant,
                after: Some(LicensePlace::Label(
                    String::new(),
                    LicenseId::from_uuid(uuid::Uuid::max()),
                )),
                ..labelled(prefix)
            };
            let page = app.read(move |app| app.licenses(&before, at(50))).await;
            let found: Vec<_> = page.licenses.iter().map(|license| license.id).collect();
            assert_eq!(found, wanted, "{prefix}");
        }
    }
}

/// A place among labels says nothing of a list by age, nor the other way round.
async fn a_place_belongs_to_its_order(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (id, _) = seed_license(&app, 1).await;
    let by_id = LicenseFilter {
        after: Some(LicensePlace::Id(id)),
        ..labelled("a")
    };
    let by_label = LicenseFilter {
        after: Some(LicensePlace::Label("a".to_owned(), id)),
        ..all()
    };
    assert!(by_id.is_by_label() && !by_label.is_by_label());
    // Where something more exact is asked for, that leads.
    for state in LicenseState::ALL {
        let filter = LicenseFilter {
            state: Some(state),
            ..labelled("a")
        };
        let rare = matches!(state, LicenseState::Suspended | LicenseState::Revoked);
        assert_eq!(filter.is_by_label(), !rare, "{state:?}");
    }
    let of_somebody = LicenseFilter {
        label_prefix: Some("a".to_owned()),
        ..of_user(UserId::from_uuid(fresh()))
    };
    assert!(!of_somebody.is_by_label());
    for filter in [by_id, by_label] {
        let refused = app
            .try_write(move |app| app.licenses(&filter, at(50)))
            .await;
        assert!(
            matches!(refused, Err(StoreError::Internal(_))),
            "{refused:?}"
        );
    }
}

fn hash_of(id: uuid::Uuid) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(id.as_bytes());
    hash
}

async fn devices_are_listed_while_they_hold_a_slot(db: TestDatabase) {
    let app = seed_app(&db).await;
    let (license, _) = seed_license(&app, 5).await;
    let (other, _) = seed_license(&app, 5).await;
    let mut ids = Vec::new();
    for device in 1..=4 {
        let claim = claim(license, device, at(1));
        ids.push(claim.activation_id);
        app.write(move |app| app.claim_seat(&claim)).await;
    }
    let elsewhere = claim(other, 1, at(1));
    app.write(move |app| app.claim_seat(&elsewhere)).await;
    let (gone, cooling) = (ids[0], ids[1]);
    app.write(move |app| {
        app.release_seat(gone, ReleaseReason::Deactivated, None, at(2))?;
        app.release_seat(cooling, ReleaseReason::SelfRelease, Some(at(9)), at(2))
    })
    .await;
    let devices = async |after: Option<ActivationId>, limit: u32, now: i64| {
        app.read(move |app| app.activations(license, after, limit, at(now)))
            .await
    };
    let found = devices(None, 10, 8).await;
    let found_ids: Vec<_> = found.iter().map(|device| device.id).collect();
    assert_eq!(found_ids, ids[1..]);
    assert_eq!(
        (found[0].released, found[0].slot_free_at),
        (Some((at(2), ReleaseReason::SelfRelease)), Some(at(9)))
    );
    assert_eq!(
        (found[1].device_label.as_deref(), found[1].released),
        (Some("device 3"), None)
    );
    let later: Vec<_> = devices(None, 10, 9).await.iter().map(|d| d.id).collect();
    assert_eq!(later, ids[2..], "it has cooled off");
    let page: Vec<_> = devices(Some(ids[2]), 1, 8)
        .await
        .iter()
        .map(|d| d.id)
        .collect();
    assert_eq!(page, ids[3..]);
    let one = app.read(move |app| app.activation(ids[2])).await;
    assert_eq!(one.as_ref(), found.get(1));
    let unknown = ActivationId::from_uuid(fresh());
    assert_eq!(app.read(move |app| app.activation(unknown)).await, None);
}
