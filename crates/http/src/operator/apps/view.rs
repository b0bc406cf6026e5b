//! How an app looks from outside.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use doorward_domain::AppId;
use doorward_domain::app::{App, AppSettings};
use doorward_domain::limit::LimitRule;
use doorward_domain::time::iso;
use serde::Serialize;
use utoipa::ToSchema;

/// An app.
#[derive(Serialize, ToSchema)]
#[schema(as = App)]
pub(crate) struct AppView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    app_id: AppId,
    /// Its URL-safe name.
    app_slug: String,
    /// Its name for people.
    name: String,
    /// `active` or `deactivated`.
    status: &'static str,
    /// Grows with every change; also the ETag.
    version: i64,
    /// Everything that can be set.
    #[schema(value_type = Settings)]
    settings: AppSettings,
    /// When the current secret was made.
    #[schema(format = DateTime)]
    secret_rotated_at: String,
    /// The former secret is accepted before this, where an overlap was chosen.
    #[schema(format = DateTime)]
    previous_secret_until: Option<String>,
    /// Creation.
    #[schema(format = DateTime)]
    created_at: String,
    /// Last change.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<App> for AppView {
    fn from(app: App) -> Self {
        Self {
            app_id: app.id,
            app_slug: app.slug.as_str().to_owned(),
            name: app.name,
            status: app.status.as_str(),
            version: app.version,
            settings: app.settings,
            secret_rotated_at: iso(app.secret_rotated_at),
            previous_secret_until: app.previous_secret.map(|former| iso(former.until)),
            created_at: iso(app.created_at),
            updated_at: iso(app.updated_at),
        }
    }
}

/// With the version as its entity tag, for `If-Match`.
impl IntoResponse for AppView {
    fn into_response(self) -> Response {
        let etag = format!("\"{}\"", self.version);
        ([(header::ETAG, etag)], Json(self)).into_response()
    }
}

/// Everything that can be set per app. What is absent has its default.
#[derive(ToSchema)]
#[schema(as = AppSettings)]
#[expect(
    dead_code,
    reason = "documents `AppSettings` of the domain; a test compares the two"
)]
pub(crate) struct Settings {
    /// Life of an access token in seconds.
    #[schema(minimum = 60, maximum = 3600)]
    access_token_seconds: Option<i64>,
    /// Idle life of a session in seconds: a refresh moves its end.
    #[schema(minimum = 3600, maximum = 31_536_000)]
    refresh_token_seconds: Option<i64>,
    /// Absolute life of a session in seconds.
    #[schema(minimum = 3600, maximum = 31_536_000)]
    session_seconds: Option<i64>,
    /// Life of a one-time code in seconds.
    #[schema(minimum = 60, maximum = 600)]
    otp_seconds: Option<i64>,
    /// Wrong attempts that lock a code for good.
    #[schema(minimum = 1, maximum = 5)]
    otp_attempts: Option<i64>,
    /// Life of a password reset token in seconds.
    #[schema(minimum = 60, maximum = 3600)]
    reset_token_seconds: Option<i64>,
    /// Whether LOGIN may create users.
    sign_up: Option<bool>,
    /// Whether codes may be sent by e-mail.
    otp_email: Option<bool>,
    /// Whether codes may be sent by SMS.
    otp_sms: Option<bool>,
    /// Language of messages (BCP 47).
    #[schema(min_length = 2, max_length = 35)]
    language: Option<String>,
    /// What licence keys begin with; empty for one made of the slug.
    #[schema(pattern = "^([A-Z0-9]{2,12})?$")]
    license_prefix: Option<String>,
    /// Life of a licence file in seconds, where the caller asks for none.
    #[schema(minimum = 300, maximum = 31_536_000)]
    license_file_seconds: Option<i64>,
    /// The longest life of a licence file that a caller may ask for, in seconds.
    #[schema(minimum = 300, maximum = 31_536_000)]
    license_file_max_seconds: Option<i64>,
    /// Whether the holder of a licence may release the seat of a lost device himself.
    license_self_release: Option<bool>,
    /// Seconds until a seat released by the holder may be taken again, at the earliest: not before
    /// the device's last licence file has ended.
    #[schema(minimum = 0, maximum = 31_536_000)]
    license_release_cooling_seconds: Option<i64>,
    /// What text messages may cost.
    sms: Option<Sms>,
    /// Limits.
    limits: Option<Limits>,
}

/// What text messages may cost. Numbers count messages; days and months are those of UTC.
#[derive(ToSchema)]
#[schema(as = SmsSettings)]
#[expect(
    dead_code,
    reason = "documents `SmsSettings` of the domain; a test compares the two"
)]
struct Sms {
    /// Messages of a day; 0 for no budget.
    #[schema(minimum = 0, maximum = 100_000_000)]
    per_day: Option<i64>,
    /// Messages of a month; 0 for no budget.
    #[schema(minimum = 0, maximum = 100_000_000)]
    per_month: Option<i64>,
    /// Beginnings of numbers that are sent to, e.g. `+91`; empty for everywhere. Replaced as a whole.
    #[schema(max_items = 64)]
    countries: Option<Vec<String>>,
    /// Budgets of numbers that begin so. The longest beginning counts. Replaced as a whole.
    #[schema(max_items = 64)]
    prefix_budgets: Option<Vec<PrefixBudget>>,
    /// Messages to a country within the window from which on the share of verified ones is looked
    /// at; 0 for never, else at least 10.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pumping_min_sends: Option<i64>,
    /// The share of verified ones, in percent, below which there is an alarm.
    #[schema(minimum = 1, maximum = 100)]
    pumping_verified_percent: Option<i64>,
    /// The window in seconds.
    #[schema(minimum = 900, maximum = 21_600)]
    pumping_window_seconds: Option<i64>,
    /// How long nothing is sent to that country after the alarm, in seconds; 0 for an alarm alone,
    /// else at least 600.
    #[schema(minimum = 0, maximum = 604_800)]
    pumping_stop_seconds: Option<i64>,
}

/// The budget of numbers that begin so.
#[derive(ToSchema)]
#[schema(as = SmsPrefixBudget)]
#[expect(
    dead_code,
    reason = "documents `PrefixBudget` of the domain; a test compares the two"
)]
struct PrefixBudget {
    /// `+` and 1 to 7 digits.
    #[schema(pattern = "^\\+[1-9][0-9]{0,6}$")]
    prefix: String,
    /// Messages of a day; 0 for no budget.
    #[schema(minimum = 0, maximum = 100_000_000)]
    per_day: Option<i64>,
    /// Messages of a month; 0 for no budget.
    #[schema(minimum = 0, maximum = 100_000_000)]
    per_month: Option<i64>,
}

/// Limits of an app.
#[derive(ToSchema)]
#[schema(as = AppLimits)]
#[expect(
    dead_code,
    reason = "documents `AppLimits` of the domain; a test compares the two"
)]
struct Limits {
    /// Codes sent to one contact.
    #[schema(value_type = Option<Rule>)]
    otp_per_contact: Option<LimitRule>,
    /// Codes sent on behalf of one client address.
    #[schema(value_type = Option<Rule>)]
    otp_per_address: Option<LimitRule>,
    /// Codes sent by the whole app.
    #[schema(value_type = Option<Rule>)]
    otp_per_app: Option<LimitRule>,
    /// Wrong codes for one contact, over all its requests.
    #[schema(value_type = Option<Rule>)]
    otp_failures_per_contact: Option<LimitRule>,
    /// Devices that one key is tried on; and licence files of one device.
    #[schema(value_type = Option<Rule>)]
    license_per_key: Option<LimitRule>,
    /// Refused licence calls on behalf of one client address.
    #[schema(value_type = Option<Rule>)]
    license_failures_per_address: Option<LimitRule>,
    /// Refused licence calls of the whole app.
    #[schema(value_type = Option<Rule>)]
    license_failures_per_app: Option<LimitRule>,
    /// Seats that the holder of one licence may release.
    #[schema(value_type = Option<Rule>)]
    license_releases: Option<LimitRule>,
}

/// At most `max` in any `seconds`.
#[derive(ToSchema)]
#[schema(as = LimitRule)]
#[expect(
    dead_code,
    reason = "documents `LimitRule` of the domain; a test compares the two"
)]
struct Rule {
    /// Events.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max: u32,
    /// Length of the window in seconds.
    #[schema(minimum = 1, maximum = 604_800)]
    seconds: u32,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn documented<T: ToSchema + utoipa::PartialSchema>() -> Vec<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }

    fn real(value: &Value) -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn what_is_documented_is_what_there_is() {
        let settings = serde_json::to_value(AppSettings::default()).unwrap();
        assert_eq!(documented::<Settings>(), real(&settings));
        assert_eq!(documented::<Limits>(), real(&settings["limits"]));
        assert_eq!(documented::<Sms>(), real(&settings["sms"]));
        let budget = doorward_domain::sms::PrefixBudget {
            prefix: "+1".to_owned(),
            per_day: 0,
            per_month: 0,
        };
        let budget = serde_json::to_value(budget).unwrap();
        assert_eq!(documented::<PrefixBudget>(), real(&budget));
        assert_eq!(
            documented::<Rule>(),
            real(&settings["limits"]["otp_per_app"])
        );
    }
}
