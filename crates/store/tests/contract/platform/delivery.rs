//! Secrets of providers under a former master key.

use doorward_domain::contact::Channel;
use doorward_store::app::StoredDelivery;
use doorward_testkit::database::TestDatabase;

use crate::support::{new_delivery, platform, seed_app};

contract! {
    outdated_secrets_are_found_page_by_page: PlatformRead::outdated_delivery_settings;
}

async fn outdated_secrets_are_found_page_by_page(db: TestDatabase) {
    let current = *b"\x01abcd";
    let mut wanted = Vec::new();
    for number in 0..3_u8 {
        let app = seed_app(&db).await;
        for channel in Channel::ALL {
            let outdated = number != 1 || channel == Channel::Sms;
            let mut sealed = if outdated {
                vec![1, 9, 9, 9, 9]
            } else {
                current.to_vec()
            };
            sealed.push(number);
            if outdated {
                wanted.push((app.id, channel, sealed.clone()));
            }
            let stored = StoredDelivery {
                channel,
                sealed,
                ..new_delivery()
            };
            app.write(move |app| app.put_delivery_settings(&stored))
                .await;
        }
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = platform(&db)
            .read(move |p| p.outdated_delivery_settings(&current, after, 2))
            .await;
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some((last.app_id, last.channel));
        found.extend(
            page.into_iter()
                .map(|old| (old.app_id, old.channel, old.sealed)),
        );
    }
    assert_eq!(found, wanted);
}
