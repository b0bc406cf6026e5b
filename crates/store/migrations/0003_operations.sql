-- What operators need: people found, deleted, restored and erased. Expand only: version 2 runs
-- beside it.

-- Personal data of audit events, apart from them: the events are append-only, and this can be
-- erased (ADR 0011). An event without a row here has none.
CREATE TABLE audit_personal (
    app_id       UUID   NOT NULL,
    event_id     UUID   NOT NULL,
    -- Whom it is about, where that was known.
    user_id      UUID,
    -- Keyed hash of the address it is about.
    contact_ref  BYTEA,
    -- The address, masked.
    contact      TEXT,
    ip           TEXT,
    PRIMARY KEY (event_id)
);
CREATE INDEX audit_personal_user ON audit_personal (app_id, user_id, event_id)
    WHERE user_id IS NOT NULL;
-- What is nobody's does not stay.
CREATE INDEX audit_personal_nobody ON audit_personal (event_id) WHERE user_id IS NULL;
CREATE INDEX audit_personal_contact ON audit_personal (app_id, contact_ref)
    WHERE contact_ref IS NOT NULL;
-- What happened to a person, newest first.
CREATE INDEX audit_events_user ON audit_events (app_id, target_id, id) WHERE target_type = 'user';

-- `purge_after`: a deleted user is erased then; until then it can be restored.
ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN deleted_at TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN purge_after TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN erased_at TIMESTAMPTZ;
CREATE INDEX users_purge ON users (purge_after) WHERE purge_after IS NOT NULL;
-- Lists are newest first, whole or by status.
CREATE INDEX users_status ON users (app_id, status, id);
-- A user's sessions, newest first. It does what the narrower one did.
DROP INDEX sessions_user;
CREATE INDEX sessions_of_user ON sessions (app_id, user_id, id);
-- Everything that holds an address is found by it, or by the user.
CREATE INDEX otp_requests_contact ON otp_requests (app_id, contact, id);
CREATE INDEX one_time_secrets_user ON one_time_secrets (app_id, user_id, id)
    WHERE user_id IS NOT NULL;
-- Keyed hash of the address a message goes to.
ALTER TABLE outbox ADD COLUMN contact_ref BYTEA;
CREATE INDEX outbox_contact ON outbox (app_id, contact_ref, id) WHERE contact_ref IS NOT NULL;
-- What a deleted user was before, for its restoration.
ALTER TABLE users ADD COLUMN status_before TEXT;
-- When every session of the app was ended: `session_epoch` grew then.
ALTER TABLE apps ADD COLUMN sessions_ended_at TIMESTAMPTZ;

-- Answers to creating calls of operators that carried an Idempotency-Key, written in the
-- transaction of what they created. Sealed, because they hold secrets that are shown once. Lives a
-- day. Without `sealed` the call is still at work, which only its own transaction sees.
CREATE TABLE idempotency_keys (
    key_hash    BYTEA       NOT NULL PRIMARY KEY,
    sealed      BYTEA,
    expires_at  TIMESTAMPTZ NOT NULL
);
CREATE INDEX idempotency_keys_dead ON idempotency_keys (expires_at);

-- Questions to the audit log. What is written most (refreshes: by apps, about users, granted) goes
-- into the first of these only, and there at the end.
CREATE INDEX audit_events_request ON audit_events (request_id, id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_events_target ON audit_events (target_type, target_id, id)
    WHERE target_type <> 'user';
CREATE INDEX audit_events_actor ON audit_events ((COALESCE(actor_id, actor_type)), id)
    WHERE actor_type <> 'app';
CREATE INDEX audit_events_refused ON audit_events (outcome, app_id, id) WHERE outcome = 'refused';

-- What happened in an app on a day (days since 1970), counted by one part of one process, which alone
-- writes its row: no row is fought for, and a total that is written twice is the same total. Summed
-- where it is read. `users` is a sketch of who was active.
CREATE TABLE app_stats (
    app_id               UUID    NOT NULL,
    day                  BIGINT  NOT NULL,
    part_id              UUID    NOT NULL,
    sign_ins             BIGINT  NOT NULL,
    sign_in_failures     BIGINT  NOT NULL,
    codes_email          BIGINT  NOT NULL,
    codes_sms            BIGINT  NOT NULL,
    refreshes            BIGINT  NOT NULL,
    refresh_failures     BIGINT  NOT NULL,
    license_activations  BIGINT  NOT NULL,
    license_verifies     BIGINT  NOT NULL,
    license_failures     BIGINT  NOT NULL,
    users                BYTEA   NOT NULL,
    PRIMARY KEY (app_id, day, part_id)
);
CREATE INDEX app_stats_day ON app_stats (day);

-- Messages in an app's own words. `version` is the app's when they were written.
CREATE TABLE message_templates (
    app_id      UUID        NOT NULL REFERENCES apps (id),
    name        TEXT        NOT NULL,
    language    TEXT        NOT NULL,
    channel     TEXT        NOT NULL CHECK (channel IN ('email', 'sms')),
    subject     TEXT,
    text        TEXT        NOT NULL,
    html        TEXT,
    version     BIGINT      NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, name, language, channel)
);

-- Who carries an app's messages, in order; `sealed` holds their secrets. Without a row it is the
-- deployment's own senders.
CREATE TABLE delivery_settings (
    app_id      UUID        NOT NULL REFERENCES apps (id),
    channel     TEXT        NOT NULL CHECK (channel IN ('email', 'sms')),
    providers   TEXT        NOT NULL,
    sealed      BYTEA       NOT NULL,
    version     BIGINT      NOT NULL,
    updated_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, channel)
);

-- What an examination looks for, found without looking through everything.
CREATE INDEX apps_secret_age ON apps (secret_rotated_at) WHERE status = 'active';
CREATE INDEX outbox_failed ON outbox (finished_at) WHERE state = 'failed';

-- Text messages asked for, and codes typed in, by period and beginning of the number (empty: the
-- whole app). Sends count in shard 0, verified codes in one of the others.
CREATE TABLE sms_usage (
    app_id     UUID        NOT NULL,
    unit       TEXT        NOT NULL CHECK (unit IN ('slot', 'day', 'month')),
    prefix     TEXT        NOT NULL,
    starts_at  TIMESTAMPTZ NOT NULL,
    shard      BIGINT      NOT NULL,
    sent       BIGINT      NOT NULL,
    verified   BIGINT      NOT NULL,
    forget_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, unit, prefix, starts_at, shard)
);
CREATE INDEX sms_usage_prefixes ON sms_usage (app_id, unit, starts_at, prefix) WHERE shard = 0;
CREATE INDEX sms_usage_dead ON sms_usage (forget_at);

-- Alarms about text messages, of each kind and prefix the latest. None is raised again before
-- `active_until`.
CREATE TABLE sms_alarms (
    app_id        UUID        NOT NULL REFERENCES apps (id),
    kind          TEXT        NOT NULL CHECK (kind IN ('day_budget', 'month_budget', 'pumping')),
    prefix        TEXT        NOT NULL,
    raised_at     TIMESTAMPTZ NOT NULL,
    active_until  TIMESTAMPTZ NOT NULL,
    stops         BOOLEAN     NOT NULL,
    PRIMARY KEY (app_id, kind, prefix)
);
CREATE INDEX sms_alarms_latest ON sms_alarms (app_id, raised_at);

-- Licences are found by how their key ends, and those that are suspended or revoked among many that
-- are not.
CREATE INDEX licenses_hint ON licenses (app_id, key_hint, id) WHERE key_hint IS NOT NULL;
CREATE INDEX licenses_status ON licenses (app_id, status, id) WHERE status <> 'active';
