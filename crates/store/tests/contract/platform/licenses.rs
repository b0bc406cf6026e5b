//! Licences of all apps.

use doorward_domain::{AppId, LicenseId};
use doorward_store::app::NewLicense;
use doorward_testkit::database::TestDatabase;

use crate::support::{email, hash, new_license, platform, seed_app, seed_user};

contract! {
    keys_of_a_former_master_key_are_found: PlatformRead::outdated_license_keys;
}

async fn keys_of_a_former_master_key_are_found(db: TestDatabase) {
    let current = [1, 2, 3, 4, 5];
    let mut expected = Vec::new();
    for number in 0..2 {
        let app = seed_app(&db).await;
        let user = seed_user(&app, email("ada@example.com")).await;
        for (index, sealed) in [
            &b"\x01\x02\x03\x04\x05new"[..],
            b"\x01\x02\x03\x04\x06old",
            b"\x01",
        ]
        .into_iter()
        .enumerate()
        {
            let byte = u8::try_from(number * 10 + index).expect("few");
            let new = NewLicense {
                key: Some((hash(byte), sealed.to_vec(), "AAAA".to_owned())),
                ..new_license()
            };
            if index > 0 {
                expected.push((app.id, new.id, hash(byte), sealed.to_vec()));
            }
            app.write(move |app| app.insert_license(&new)).await;
        }
        let keyless = NewLicense {
            key: None,
            user_id: Some(user),
            ..new_license()
        };
        app.write(move |app| app.insert_license(&keyless)).await;
    }
    let page = async |after: Option<(AppId, LicenseId)>, limit: u32| {
        let found = platform(&db)
            .read(move |p| p.outdated_license_keys(&current, after, limit))
            .await;
        let parts = |key: doorward_store::platform::OutdatedLicenseKey| {
            (key.app_id, key.id, key.key_hash, key.sealed_key)
        };
        found.into_iter().map(parts).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 10).await, expected);
    assert_eq!(page(None, 3).await, expected[..3]);
    let (app, id, ..) = expected[2].clone();
    assert_eq!(page(Some((app, id)), 3).await, expected[3..]);
}
