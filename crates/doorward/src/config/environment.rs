//! The process environment, read once and handed on as a value.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// The environment variables that are our business. Some are secrets, hence without `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// The one place that asks the process.
    pub(crate) fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, value)| !value.is_empty() && !injected_by_kubernetes(name, value))
            .collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&OsString> {
        self.0.get(name)
    }

    /// Every variable with our prefix.
    pub(crate) fn ours(&self) -> impl Iterator<Item = &str> {
        self.0
            .keys()
            .map(String::as_str)
            .filter(|name| name.starts_with("DOORWARD_") && !of_our_tests(name))
    }
}

impl FromIterator<(String, OsString)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, OsString)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// `cargo xtask test` and `bench` tell the tests what they have; the server under test inherits it.
fn of_our_tests(name: &str) -> bool {
    ["DOORWARD_TEST_", "DOORWARD_BENCH_", "DOORWARD_REQUIRE_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// A Kubernetes service called `doorward` puts `DOORWARD_SERVICE_HOST`, `DOORWARD_PORT=tcp://…` and
/// `DOORWARD_PORT_3000_TCP…` into every pod of its namespace. They are not ours.
fn injected_by_kubernetes(name: &str, value: &OsString) -> bool {
    let Some(rest) = name.strip_prefix("DOORWARD_") else {
        return false;
    };
    let is_link = || value.to_str().is_some_and(|text| text.contains("://"));
    rest.starts_with("SERVICE_HOST")
        || rest.starts_with("SERVICE_PORT")
        || (rest == "PORT" && is_link())
        || rest
            .strip_prefix("PORT_")
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_links_are_not_settings() {
        let of = |name: &str, value: &str| injected_by_kubernetes(name, &value.into());
        assert!(of("DOORWARD_PORT", "tcp://10.0.0.1:3000"));
        assert!(of("DOORWARD_SERVICE_HOST", "10.0.0.1"));
        assert!(of("DOORWARD_SERVICE_PORT_HTTP", "3000"));
        assert!(of("DOORWARD_PORT_3000_TCP_ADDR", "10.0.0.1"));
        assert!(!of("DOORWARD_PORT", "3000"));
        assert!(!of("DOORWARD_PORTS", "3000"));
        assert!(!of("PORT", "3000"));
    }
}
