//! Passwords that others on the machine can see: `ps` shows everybody's command line.

use url::Url;

use crate::output;

/// Warns of a database URL on the command line that has a password in it; `better` says how else it
/// can be given.
pub(super) fn warn(flag: &str, url: &str, better: &str, json: bool) {
    if has_password(url) {
        let text = format!(
            "everybody on this machine can see the password in {flag} (`ps`). Give it by {better}, \
             and replace this one."
        );
        output::warning(json, &text);
    }
}

fn has_password(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let in_query = url.query_pairs().any(|(name, _)| name == "password");
        in_query || url.password().is_some_and(|password| !password.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::has_password;

    #[test]
    fn passwords_are_seen() {
        for url in [
            "postgres://u:secret@h/d",
            "postgresql://h/d?user=u&password=x",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "postgres://u@h/d",
            "postgres://u:@h/d",
            "sqlite:/a:b@c.db",
            "@file",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }
}
