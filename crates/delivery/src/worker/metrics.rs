//! What the worker counts. Label: `channel` (`email`, `sms`).

use doorward_domain::Timestamp;
use doorward_domain::contact::Channel;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::sender::Step;

const SENT: &str = "doorward_messages_sent_total";
const FAILED: &str = "doorward_messages_failed_total";
const RETRIED: &str = "doorward_messages_retried_total";
const EXPIRED: &str = "doorward_messages_expired_total";
const PROVIDER_FAILURES: &str = "doorward_provider_failures_total";
const TEMPLATE_FAILURES: &str = "doorward_template_failures_total";
const REPORTS: &str = "doorward_message_reports_total";
const DELAY: &str = "doorward_message_delay_seconds";

/// Tells the recorder what the metrics mean. Call once, after installing it.
pub fn describe_metrics() {
    describe_counter!(SENT, "Messages handed to the provider");
    describe_counter!(FAILED, "Messages given up");
    describe_counter!(RETRIED, "Attempts that failed and will be repeated");
    describe_counter!(EXPIRED, "Messages not sent because their content had died");
    describe_counter!(
        PROVIDER_FAILURES,
        "Times that a provider of an app's own failed, by step"
    );
    describe_counter!(
        TEMPLATE_FAILURES,
        "Messages sent in the built-in words because the app's own failed"
    );
    describe_counter!(
        REPORTS,
        "Messages about which a provider reported later, by what became of them"
    );
    // Counted by the use case that sends codes.
    describe_counter!(
        "doorward_sms_alarms_total",
        "Alarms about text messages: budgets used up, codes that nobody types in"
    );
    describe_histogram!(
        DELAY,
        Unit::Seconds,
        "Time from writing a message to handing it over"
    );
}

/// A provider reported what became of a message: `delivered`, `failed` or `resent`.
pub fn reported(channel: Channel, what: &'static str) {
    counter!(REPORTS, "channel" => channel.as_str(), "what" => what).increment(1);
}

/// A message that was written at `created_at` is with its provider.
pub fn handed_over(channel: Channel, created_at: Timestamp, now: Timestamp) {
    let delay = now.duration_since(created_at).as_secs_f64();
    counter!(SENT, "channel" => channel.as_str()).increment(1);
    histogram!(DELAY, "channel" => channel.as_str()).record(delay.max(0.0));
}

pub(super) fn failed(channel: Channel) {
    counter!(FAILED, "channel" => channel.as_str()).increment(1);
}

pub(super) fn retried(channel: Channel) {
    counter!(RETRIED, "channel" => channel.as_str()).increment(1);
}

pub(super) fn expired(channel: Channel) {
    counter!(EXPIRED, "channel" => channel.as_str()).increment(1);
}

pub(crate) fn provider_failed(channel: Channel, step: Step) {
    counter!(PROVIDER_FAILURES, "channel" => channel.as_str(), "step" => step.as_str())
        .increment(1);
}

pub(super) fn template_failed(channel: Channel) {
    counter!(TEMPLATE_FAILURES, "channel" => channel.as_str()).increment(1);
}
