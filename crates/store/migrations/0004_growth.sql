-- What growth and daily work asked for. Expand only, but for indexes: version 3 runs beside it, and
-- two of its rarer questions to the audit log may take longer until it is gone.

-- Refreshes are written most, and are looked for by their session or their time: they stay out of
-- what leads to an event by request and by user (ADR 0015).
DROP INDEX audit_events_request;
DROP INDEX audit_events_user;
CREATE INDEX audit_events_rare_request ON audit_events (request_id, id)
    WHERE request_id IS NOT NULL AND action <> 'session.refreshed';
CREATE INDEX audit_events_rare_user ON audit_events (app_id, target_id, id)
    WHERE target_type = 'user' AND action <> 'session.refreshed';

-- What providers report about messages they took over. `provider` has the message, or had it last
-- (empty: the deployment's sender), under its own name `provider_ref`; `tried` names those, divided by
-- commas, that reported that it did not arrive. `sealed` stays, until the code is dead, where another
-- provider is left to be asked.
ALTER TABLE outbox ADD COLUMN provider TEXT;
ALTER TABLE outbox ADD COLUMN provider_ref TEXT;
ALTER TABLE outbox ADD COLUMN reported TEXT CHECK (reported IN ('delivered', 'failed'));
ALTER TABLE outbox ADD COLUMN reported_at TIMESTAMPTZ;
ALTER TABLE outbox ADD COLUMN tried TEXT;
-- The code it carries, what it is counted under, and whose it is.
ALTER TABLE outbox ADD COLUMN otp_request_id UUID;
ALTER TABLE outbox ADD COLUMN sms_prefix TEXT;
ALTER TABLE outbox ADD COLUMN user_id UUID;
CREATE INDEX outbox_user ON outbox (app_id, user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX outbox_kept ON outbox (expires_at) WHERE state = 'sent' AND sealed IS NOT NULL;
ALTER TABLE sms_usage ADD COLUMN delivered BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sms_usage ADD COLUMN failed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE app_stats ADD COLUMN email_accepted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE app_stats ADD COLUMN email_delivered BIGINT NOT NULL DEFAULT 0;
ALTER TABLE app_stats ADD COLUMN email_failed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE app_stats ADD COLUMN sms_accepted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE app_stats ADD COLUMN sms_delivered BIGINT NOT NULL DEFAULT 0;
ALTER TABLE app_stats ADD COLUMN sms_failed BIGINT NOT NULL DEFAULT 0;

-- Every signing key there was, newest first, a page at a time.
CREATE INDEX signing_keys_listed ON signing_keys (created_at, kid);

-- When an alarm is to be told to whoever the deployment names, next; NULL once it was.
ALTER TABLE sms_alarms ADD COLUMN tell_at TIMESTAMPTZ;
ALTER TABLE sms_alarms ADD COLUMN tell_attempts BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sms_alarms_untold ON sms_alarms (tell_at) WHERE tell_at IS NOT NULL;
