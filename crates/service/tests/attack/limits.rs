//! Ways around the limits.

use std::net::IpAddr;

use doorward_domain::Code;
use doorward_domain::limit::LimitRule;
use doorward_domain::otp::Purpose;
use doorward_service::otp;
use doorward_testkit::on_both_engines;
use doorward_testkit::platform::Platform;

use super::support::{code, to};

on_both_engines! {
    // One IPv6 customer has 2^64 addresses; one IPv4 client has two spellings.
    async fn a_network_of_addresses_is_one_client(db: TestDatabase) {
        let platform = Platform::start(&db).await;
        let app = platform
            .app_with("shop", |settings| {
                settings.limits.otp_per_address = LimitRule { max: 2, seconds: 600 };
            })
            .await;
        let context = platform.authenticate(&app).await;
        for (network, addresses) in [
            ("6", ["2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:db8:1:2:3:4:5:6"]),
            ("4", ["198.51.100.7", "::ffff:198.51.100.7", "198.51.100.7"]),
        ] {
            for (n, address) in addresses.iter().enumerate() {
                let mut request = to(&format!("u{network}-{n}@example.com"), Purpose::Login, None);
                request.client_ip = Some(address.parse::<IpAddr>().unwrap());
                let sent = otp::send(&platform.core, &context, request).await;
                let expected = (n == 2).then_some(Code::OtpRateLimited);
                assert_eq!(code(sent), expected, "{address}");
            }
        }
        let mut request = to("neighbour@example.com", Purpose::Login, None);
        request.client_ip = Some("2001:db8:1:3::1".parse().unwrap());
        otp::send(&platform.core, &context, request).await.unwrap();
    }
}
