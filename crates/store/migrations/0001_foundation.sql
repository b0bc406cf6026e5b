-- Written in PostgreSQL's type names. The SQLite driver maps UUID and BYTEA to BLOB, TIMESTAMPTZ,
-- BIGINT and BOOLEAN to INTEGER, and makes every table STRICT. What only one engine needs
-- (triggers, fill factors) stands in 0001_foundation.sqlite.sql and 0001_foundation.postgres.sql.

-- One row. `version` grows with every change that other nodes must notice (apps, keys, settings).
CREATE TABLE platform_state (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    version  BIGINT NOT NULL
);
INSERT INTO platform_state (id, version) VALUES (1, 1);

CREATE TABLE apps (
    id                     UUID        NOT NULL PRIMARY KEY,
    slug                   TEXT        NOT NULL,
    name                   TEXT        NOT NULL,
    status                 TEXT        NOT NULL CHECK (status IN ('active', 'deactivated')),
    version                BIGINT      NOT NULL,
    session_epoch          BIGINT      NOT NULL,
    secret_hash            BYTEA       NOT NULL,
    previous_secret_hash   BYTEA,
    previous_secret_until  TIMESTAMPTZ,
    secret_rotated_at      TIMESTAMPTZ NOT NULL,
    settings               TEXT        NOT NULL,
    created_at             TIMESTAMPTZ NOT NULL,
    updated_at             TIMESTAMPTZ NOT NULL,
    CHECK ((previous_secret_hash IS NULL) = (previous_secret_until IS NULL))
);
CREATE UNIQUE INDEX apps_slug ON apps (slug);

CREATE TABLE admin_keys (
    id            UUID        NOT NULL PRIMARY KEY,
    name          TEXT        NOT NULL,
    key_hash      BYTEA       NOT NULL,
    scopes        TEXT        NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ,
    revoked_at    TIMESTAMPTZ,
    last_used_on  TIMESTAMPTZ
);

CREATE TABLE signing_keys (
    kid             TEXT        NOT NULL PRIMARY KEY,
    alg             TEXT        NOT NULL,
    state           TEXT        NOT NULL CHECK (state IN ('next', 'active', 'retiring', 'retired')),
    public_der      BYTEA       NOT NULL,
    sealed_private  BYTEA,
    created_at      TIMESTAMPTZ NOT NULL,
    activated_at    TIMESTAMPTZ,
    retiring_at     TIMESTAMPTZ,
    retire_after    TIMESTAMPTZ,
    retired_at      TIMESTAMPTZ
);
-- Nodes that rotate at the same moment agree because only one of them can insert.
CREATE UNIQUE INDEX signing_keys_state ON signing_keys (state) WHERE state IN ('next', 'active');

CREATE TABLE users (
    app_id             UUID        NOT NULL REFERENCES apps (id),
    id                 UUID        NOT NULL,
    status             TEXT        NOT NULL CHECK (status IN ('active', 'deactivated', 'deleted')),
    email              TEXT,
    email_canonical    TEXT,
    email_verified_at  TIMESTAMPTZ,
    phone              TEXT,
    phone_verified_at  TIMESTAMPTZ,
    created_at         TIMESTAMPTZ NOT NULL,
    updated_at         TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, id),
    CHECK ((email IS NULL) = (email_canonical IS NULL))
);
CREATE UNIQUE INDEX users_email ON users (app_id, email_canonical) WHERE email_canonical IS NOT NULL;
CREATE UNIQUE INDEX users_phone ON users (app_id, phone) WHERE phone IS NOT NULL;

CREATE TABLE sessions (
    app_id               UUID        NOT NULL,
    id                   UUID        NOT NULL,
    user_id              UUID        NOT NULL,
    tenant_id            UUID,
    generation           BIGINT      NOT NULL CHECK (generation >= 1),
    nonce_hash           BYTEA       NOT NULL,
    epoch                BIGINT      NOT NULL,
    auth_time            TIMESTAMPTZ NOT NULL,
    amr                  TEXT        NOT NULL,
    ip                   TEXT,
    user_agent           TEXT,
    created_at           TIMESTAMPTZ NOT NULL,
    last_used_at         TIMESTAMPTZ NOT NULL,
    expires_at           TIMESTAMPTZ NOT NULL,
    absolute_expires_at  TIMESTAMPTZ NOT NULL,
    -- The day after which maintenance may delete the row, in days since 1970. A refresh usually
    -- leaves it as it is, so that the index on it (and a hot update on PostgreSQL) costs nothing.
    dead_after_day       BIGINT      NOT NULL,
    ended_at             TIMESTAMPTZ,
    end_reason           TEXT,
    PRIMARY KEY (app_id, id),
    FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sessions_user ON sessions (app_id, user_id);
CREATE INDEX sessions_dead ON sessions (dead_after_day);

-- Answers of refreshes that carried an Idempotency-Key, sealed under a key derived from the
-- presented token. Lives a minute.
CREATE TABLE refresh_replays (
    app_id      UUID        NOT NULL,
    session_id  UUID        NOT NULL,
    generation  BIGINT      NOT NULL,
    key_hash    BYTEA       NOT NULL,
    sealed      BYTEA       NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, session_id, generation)
);
CREATE INDEX refresh_replays_dead ON refresh_replays (expires_at);

CREATE TABLE otp_requests (
    app_id           UUID        NOT NULL,
    id               UUID        NOT NULL,
    purpose          TEXT        NOT NULL,
    channel          TEXT        NOT NULL CHECK (channel IN ('email', 'sms')),
    contact          TEXT        NOT NULL,
    contact_original TEXT        NOT NULL,
    user_id          UUID,
    code_hash        BYTEA       NOT NULL,
    attempts         BIGINT      NOT NULL,
    max_attempts     BIGINT      NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    expires_at       TIMESTAMPTZ NOT NULL,
    used_at          TIMESTAMPTZ,
    locked_at        TIMESTAMPTZ,
    voided_at        TIMESTAMPTZ,
    PRIMARY KEY (app_id, id)
);
CREATE UNIQUE INDEX otp_requests_id ON otp_requests (id);
CREATE INDEX otp_requests_live ON otp_requests (app_id, contact, purpose)
    WHERE used_at IS NULL AND voided_at IS NULL;
CREATE INDEX otp_requests_dead ON otp_requests (expires_at);

-- Other one-time secrets: reset tokens now; links, invitations, exchange codes and states later.
CREATE TABLE one_time_secrets (
    app_id       UUID        NOT NULL,
    id           UUID        NOT NULL,
    purpose      TEXT        NOT NULL,
    secret_hash  BYTEA       NOT NULL,
    user_id      UUID,
    details      TEXT,
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    used_at      TIMESTAMPTZ,
    PRIMARY KEY (app_id, id)
);
CREATE INDEX one_time_secrets_dead ON one_time_secrets (expires_at);

CREATE TABLE rate_limits (
    app_id     UUID        NOT NULL,
    key        BYTEA       NOT NULL,
    state      BYTEA       NOT NULL,
    forget_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, key)
);
CREATE INDEX rate_limits_dead ON rate_limits (forget_at);

CREATE TABLE outbox (
    app_id       UUID        NOT NULL,
    id           UUID        NOT NULL PRIMARY KEY,
    channel      TEXT        NOT NULL CHECK (channel IN ('email', 'sms')),
    template     TEXT        NOT NULL,
    sealed       BYTEA,
    state        TEXT        NOT NULL
                 CHECK (state IN ('queued', 'sent', 'failed', 'expired', 'suppressed')),
    attempts     BIGINT      NOT NULL,
    not_before   TIMESTAMPTZ NOT NULL,
    lease_owner  UUID,
    last_error   TEXT,
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    finished_at  TIMESTAMPTZ
);
-- The worker of a channel goes from app to app and takes what has been due longest.
CREATE INDEX outbox_due ON outbox (channel, app_id, not_before, id) WHERE state = 'queued';
CREATE INDEX outbox_dead ON outbox (expires_at);

-- Append-only: triggers refuse UPDATE and DELETE. Sealing (seq, hash chain) lives in tables beside
-- it, so that writers never wait for one another.
CREATE TABLE audit_events (
    id           UUID        NOT NULL PRIMARY KEY,
    at           TIMESTAMPTZ NOT NULL,
    app_id       UUID,
    actor_type   TEXT        NOT NULL,
    actor_id     TEXT,
    action       TEXT        NOT NULL,
    target_type  TEXT,
    target_id    TEXT,
    outcome      TEXT        NOT NULL CHECK (outcome IN ('success', 'refused')),
    reason       TEXT,
    ip           TEXT,
    user_agent   TEXT,
    request_id   UUID,
    session_id   UUID,
    details      TEXT
);
CREATE INDEX audit_events_app ON audit_events (app_id, id);

-- Work that one node does at a time (rotation, maintenance), by lease.
CREATE TABLE jobs (
    name          TEXT        NOT NULL PRIMARY KEY,
    lease_owner   UUID,
    lease_until   TIMESTAMPTZ,
    last_run_at   TIMESTAMPTZ,
    last_ok_at    TIMESTAMPTZ,
    last_report   TEXT
);

-- Answers to creating calls of the operator face that carried an Idempotency-Key come with the
-- issue that adds them; the dev clock and the outbox capture live in memory only.
