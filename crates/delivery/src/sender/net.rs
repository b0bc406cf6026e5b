//! Which hosts are this very machine, so that plain text to them stays on it.

use std::net::IpAddr;

/// Whether a host, as written in options, is certain to be the loopback interface: `localhost`, or
/// a loopback address. Names are not resolved: an answer could change.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_by_the_text_alone() {
        for yes in [
            "localhost",
            "LocalHost",
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "",
            "10.0.0.1",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "0.0.0.0",
            "::",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
