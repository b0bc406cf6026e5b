//! Every setting, declared once. Parsing, `config check`, the reference and the default file all
//! come from here.

use super::safety::Exception;
use super::variable::{Kind, Variable};

macro_rules! registry {
    ($($name:ident = $variable:expr;)*) => {
        $(pub(crate) const $name: Variable = $variable;)*

        /// Every setting, in the order of the reference.
        pub(crate) const ALL: &[Variable] = &[$($name,)*];
    };
}

const fn seconds(min: i64, max: i64) -> Kind {
    Kind::Integer {
        min,
        max,
        unit: "seconds",
    }
}

const fn count(min: i64, max: i64) -> Kind {
    Kind::Integer { min, max, unit: "" }
}

const PORTS: Kind = count(0, 65_535);

registry! {
    PUBLIC_URL = Variable::new(
        "server.public_url", "DOORWARD_PUBLIC_URL", Kind::Url,
        "Where clients reach this service, e.g. https://auth.example.com. It is the issuer (`iss`) \
         and one audience of every token: changing it makes all tokens invalid.",
    );
    HOST = Variable::new(
        "server.host", "DOORWARD_HOST", Kind::Address,
        "Address the public face listens on. In a container: 0.0.0.0, with trusted_proxies set.",
    ).default("127.0.0.1");
    PORT = Variable::new(
        "server.port", "DOORWARD_PORT", PORTS, "Port of the public face; 0 takes a free one.",
    ).default("3000").alias("PORT");
    TRUSTED_PROXIES = Variable::new(
        "server.trusted_proxies", "DOORWARD_TRUSTED_PROXIES", Kind::List("IP ranges"),
        "Reverse proxies whose word about the client's address is believed, e.g. 10.0.0.0/8. \
         Nobody else's is.",
    );
    FORWARDED_HEADER = Variable::new(
        "server.forwarded_header", "DOORWARD_FORWARDED_HEADER",
        Kind::Choice(&["x-forwarded-for", "forwarded"]),
        "The header in which those proxies name the client. The other one is not read.",
    ).default("x-forwarded-for");
    ALLOW_INSECURE = Variable::new(
        "server.allow_insecure", "DOORWARD_ALLOW_INSECURE", Kind::Choices(Exception::NAMES),
        "Dangers that `doorward serve` shall accept, each by name. Empty in any real deployment.",
    );
    WORKERS = Variable::new(
        "server.workers", "DOORWARD_WORKERS", count(0, 256),
        "Threads that serve requests; 0 means one per core.",
    ).default("0");
    SHUTDOWN_SECONDS = Variable::new(
        "server.shutdown_seconds", "DOORWARD_SHUTDOWN_SECONDS", seconds(0, 600),
        "How long requests in flight may take to finish after SIGTERM. Background work gets 10 \
         seconds more; container platforms kill after 30.",
    ).default("15");
    UNREADY_SECONDS = Variable::new(
        "server.unready_seconds", "DOORWARD_UNREADY_SECONDS", seconds(0, 60),
        "How long after SIGTERM new requests are still served while /health says 503, for load \
         balancers that notice only by asking. Comes before shutdown_seconds.",
    ).default("0");

    ADMIN_HOST = Variable::new(
        "admin.host", "DOORWARD_ADMIN_HOST", Kind::Address,
        "Address the operator face listens on. Keep it off public networks.",
    ).default("127.0.0.1");
    ADMIN_PORT = Variable::new(
        "admin.port", "DOORWARD_ADMIN_PORT", PORTS,
        "Port of the operator face (admin API, metrics); 0 takes a free one.",
    ).default("3001").alias("ADMIN_PORT");

    DATABASE_URL = Variable::new(
        "database.url", "DOORWARD_DATABASE_URL", Kind::Text,
        "sqlite:/var/lib/doorward/doorward.db or \
         postgres://user:password@host/database?sslmode=verify-full.",
    ).alias("DATABASE_URL").secret();
    DATABASE_CONNECTIONS = Variable::new(
        "database.connections", "DOORWARD_DATABASE_CONNECTIONS", count(1, 1_000),
        "Connections to PostgreSQL that this node keeps.",
    ).default("16");
    DATABASE_READERS = Variable::new(
        "database.readers", "DOORWARD_DATABASE_READERS", count(1, 64),
        "Reading threads of SQLite (there is always one writer).",
    ).default("2");
    DATABASE_QUEUE = Variable::new(
        "database.queue", "DOORWARD_DATABASE_QUEUE", count(16, 100_000),
        "Transactions that may wait for the database before new ones are answered with 503.",
    ).default("1024");

    MASTER_KEY = Variable::new(
        "keys.master_key", "DOORWARD_MASTER_KEY", Kind::Text,
        "32 random bytes in base64 or hex, under which private keys are sealed at rest. Make one \
         with `openssl rand -hex 32`. Losing it loses every signing key and session.",
    ).secret();
    PREVIOUS_MASTER_KEYS = Variable::new(
        "keys.previous_master_keys", "DOORWARD_PREVIOUS_MASTER_KEYS", Kind::List("keys"),
        "Former master keys, newest first, that still open what they sealed.",
    ).secret();

    SIGNING_ALGORITHM = Variable::new(
        "signing.algorithm", "DOORWARD_SIGNING_ALGORITHM",
        Kind::Choice(&["RS256-2048", "RS256-3072", "RS256-4096", "ES256", "EdDSA"]),
        "What new signing keys are. Existing ones stay until they are rotated.",
    ).default("RS256-2048");
    SIGNING_ROTATION_DAYS = Variable::new(
        "signing.rotation_days", "DOORWARD_SIGNING_ROTATION_DAYS",
        Kind::Integer { min: 0, max: 3_650, unit: "days" },
        "Age at which the signing key is replaced by itself; 0 means only on demand.",
    ).default("90");

    HEALTH_SECRET = Variable::new(
        "health.secret", "DOORWARD_HEALTH_SECRET", Kind::Text,
        "Who sends it as X-Health-Secret sees the details of GET /health. At least 16 characters.",
    ).alias("HEALTH_SECRET").secret();

    LOG_FORMAT = Variable::new(
        "log.format", "DOORWARD_LOG_FORMAT", Kind::Choice(&["json", "pretty"]),
        "Form of the log on stderr (`doorward dev`: pretty).",
    ).default("json");
    LOG_LEVEL = Variable::new(
        "log.level", "DOORWARD_LOG_LEVEL", Kind::Text,
        "error, warn, info, debug or trace, or directives such as info,doorward_store=debug.",
    ).default("info");

    BODY_BYTES = Variable::new(
        "limits.body_bytes", "DOORWARD_LIMITS_BODY_BYTES",
        Kind::Integer { min: 1_024, max: 16_777_216, unit: "bytes" },
        "Largest request body.",
    ).default("65536");
    HEADER_SECONDS = Variable::new(
        "limits.header_seconds", "DOORWARD_LIMITS_HEADER_SECONDS", seconds(1, 300),
        "How long a client may take to send its headers.",
    ).default("10");
    REQUEST_SECONDS = Variable::new(
        "limits.request_seconds", "DOORWARD_LIMITS_REQUEST_SECONDS", seconds(1, 300),
        "How long a request may take altogether.",
    ).default("30");
    CONCURRENCY = Variable::new(
        "limits.concurrency", "DOORWARD_LIMITS_CONCURRENCY", count(1, 100_000),
        "Requests worked on at once; more are answered with 503 and Retry-After.",
    ).default("512");
    CONNECTIONS = Variable::new(
        "limits.connections", "DOORWARD_LIMITS_CONNECTIONS", count(1, 1_000_000),
        "Open connections per face; more are answered with 503 and closed.",
    ).default("4096");

    SMTP_URL = Variable::new(
        "smtp.url", "DOORWARD_SMTP_URL", Kind::Text,
        "All of the mail server in one: smtps://user:password@host:465 (TLS from the start), \
         smtp://user:password@host:587 (STARTTLS required). Instead of host, port, user, \
         password and tls.",
    ).secret();
    SMTP_HOST = Variable::new(
        "smtp.host", "DOORWARD_SMTP_HOST", Kind::Text, "Name of the mail server.",
    );
    SMTP_PORT = Variable::new(
        "smtp.port", "DOORWARD_SMTP_PORT", count(1, 65_535),
        "Its port; by default 465 with tls = implicit, 587 with starttls, 25 with none.",
    );
    SMTP_USER = Variable::new(
        "smtp.user", "DOORWARD_SMTP_USER", Kind::Text, "Whom to sign in as.",
    );
    SMTP_PASSWORD = Variable::new(
        "smtp.password", "DOORWARD_SMTP_PASSWORD", Kind::Text, "With which password.",
    ).secret();
    SMTP_TLS = Variable::new(
        "smtp.tls", "DOORWARD_SMTP_TLS", Kind::Choice(&["starttls", "implicit", "none"]),
        "How the connection is protected; none only for a relay on this machine.",
    ).default("starttls");
    SMTP_FROM = Variable::new(
        "smtp.from", "DOORWARD_SMTP_FROM", Kind::Text,
        "Sender of every mail, e.g. Example <no-reply@example.com>.",
    );

    EMAIL_WEBHOOK_URL = Variable::new(
        "email_webhook.url", "DOORWARD_EMAIL_WEBHOOK_URL", Kind::Url,
        "Your own endpoint that sends mail, instead of SMTP; it gets a signed POST for each.",
    );
    EMAIL_WEBHOOK_SECRET = Variable::new(
        "email_webhook.secret", "DOORWARD_EMAIL_WEBHOOK_SECRET", Kind::Text,
        "Key of that signature, at least 32 characters.",
    ).secret();

    SMS_PROVIDER = Variable::new(
        "sms.provider", "DOORWARD_SMS_PROVIDER", Kind::Choice(&["none", "twilio", "webhook"]),
        "Who carries text messages.",
    ).default("none");
    TWILIO_ACCOUNT_SID = Variable::new(
        "twilio.account_sid", "DOORWARD_TWILIO_ACCOUNT_SID", Kind::Text,
        "Account at Twilio (AC…).",
    );
    TWILIO_API_KEY_SID = Variable::new(
        "twilio.api_key_sid", "DOORWARD_TWILIO_API_KEY_SID", Kind::Text,
        "API key (SK…) to sign in with instead of the account; then auth_token is its secret.",
    );
    TWILIO_AUTH_TOKEN = Variable::new(
        "twilio.auth_token", "DOORWARD_TWILIO_AUTH_TOKEN", Kind::Text, "Its token.",
    ).secret();
    TWILIO_FROM = Variable::new(
        "twilio.from", "DOORWARD_TWILIO_FROM", Kind::Text,
        "Sending number (+15551234567) or messaging service (MG…).",
    );
    TWILIO_BASE_URL = Variable::new(
        "twilio.base_url", "DOORWARD_TWILIO_BASE_URL", Kind::Url,
        "Where Twilio's API is; another value for its regional hosts or a test server.",
    ).default("https://api.twilio.com");
    SMS_WEBHOOK_URL = Variable::new(
        "sms_webhook.url", "DOORWARD_SMS_WEBHOOK_URL", Kind::Url,
        "Your own endpoint that sends text messages; it gets a signed POST for each.",
    );
    SMS_WEBHOOK_SECRET = Variable::new(
        "sms_webhook.secret", "DOORWARD_SMS_WEBHOOK_SECRET", Kind::Text,
        "Key of that signature, at least 32 characters.",
    ).secret();

    DELIVERY_NETWORKS = Variable::new(
        "delivery.networks", "DOORWARD_DELIVERY_NETWORKS", Kind::List("IP ranges"),
        "Networks that are not public in which the mail servers and SMS endpoints that apps name may \
         be, e.g. 10.1.0.0/16. Nobody's may be in others; your own (above) are not restricted.",
    );

    ALARM_WEBHOOK_URL = Variable::new(
        "alarm.webhook_url", "DOORWARD_ALARM_WEBHOOK_URL", Kind::Url,
        "Your own endpoint that is told of alarms about text messages; it gets a signed POST for each.",
    );
    ALARM_WEBHOOK_SECRET = Variable::new(
        "alarm.webhook_secret", "DOORWARD_ALARM_WEBHOOK_SECRET", Kind::Text,
        "Key of that signature, at least 32 characters.",
    ).secret();
    ALARM_EMAIL = Variable::new(
        "alarm.email", "DOORWARD_ALARM_EMAIL", Kind::Text,
        "A mailbox that is told of alarms about text messages, through the deployment's own mail.",
    );

    MAINTENANCE_SECONDS = Variable::new(
        "maintenance.interval_seconds", "DOORWARD_MAINTENANCE_INTERVAL_SECONDS",
        seconds(60, 86_400),
        "How often expired codes, dead sessions and old limits are removed.",
    ).default("300");
}

/// Environment variables that say where the settings are, and are no settings themselves.
pub(crate) const LOCATORS: &[(&str, &str)] = &[
    ("DOORWARD_CONFIG", "The TOML file, as --config."),
    (
        "DOORWARD_DATA_DIR",
        "Directory of an embedded deployment, as --data-dir.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_follow_one_rule_and_are_unique() {
        let mut seen = BTreeSet::new();
        for variable in ALL {
            let (section, name) = variable.section_and_name();
            assert!(
                !section.is_empty() && !name.contains('.'),
                "{}",
                variable.key
            );
            let full = variable.key.replace('.', "_").to_ascii_uppercase();
            let short = name.to_ascii_uppercase();
            // The two sections everybody means anyway may leave their name out.
            let short_allowed = ["server", "keys"].contains(&section);
            assert!(
                variable.env == format!("DOORWARD_{full}")
                    || (short_allowed && variable.env == format!("DOORWARD_{short}")),
                "{}",
                variable.env
            );
            for env in variable.env_names() {
                assert!(seen.insert(env), "{env} twice");
            }
            assert!(seen.insert(variable.key), "{} twice", variable.key);
            assert!(variable.doc.ends_with('.'), "{}", variable.key);
        }
    }

    #[test]
    fn no_secret_has_a_default() {
        for variable in ALL.iter().filter(|variable| variable.secret) {
            assert!(variable.default.is_none(), "{}", variable.key);
        }
    }

    #[test]
    fn bare_names_are_the_four_that_platforms_use() {
        let bare: Vec<_> = ALL.iter().filter_map(|variable| variable.alias).collect();
        assert_eq!(
            bare,
            ["PORT", "ADMIN_PORT", "DATABASE_URL", "HEALTH_SECRET"]
        );
    }
}
