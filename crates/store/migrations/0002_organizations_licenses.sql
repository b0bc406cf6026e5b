-- Organizations, roles, revocations and licences. Expand only: version 1 runs beside it.

-- `tenant_id` on the wire.
CREATE TABLE organizations (
    app_id       UUID        NOT NULL REFERENCES apps (id),
    id           UUID        NOT NULL,
    name         TEXT        NOT NULL,
    version      BIGINT      NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    archived_at  TIMESTAMPTZ,
    PRIMARY KEY (app_id, id)
);

-- A member has at least one role: the last one that goes takes the membership with it.
CREATE TABLE memberships (
    app_id     UUID        NOT NULL,
    tenant_id  UUID        NOT NULL,
    user_id    UUID        NOT NULL,
    joined_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, tenant_id, user_id),
    FOREIGN KEY (app_id, tenant_id) REFERENCES organizations (app_id, id),
    FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id)
);
CREATE INDEX memberships_user ON memberships (app_id, user_id, joined_at, tenant_id);

-- What an app says of a role: its permissions. A built-in role needs no row.
CREATE TABLE app_roles (
    app_id       UUID        NOT NULL REFERENCES apps (id),
    name         TEXT        NOT NULL,
    description  TEXT        NOT NULL,
    permissions  TEXT        NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, name)
);

-- `custom_role` repeats the role where it is not built in, so that the database itself refuses to
-- lose the definition of a role that somebody has.
CREATE TABLE role_assignments (
    app_id       UUID        NOT NULL,
    tenant_id    UUID        NOT NULL,
    user_id      UUID        NOT NULL,
    role         TEXT        NOT NULL,
    custom_role  TEXT,
    assigned_at  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, tenant_id, user_id, role),
    FOREIGN KEY (app_id, tenant_id, user_id) REFERENCES memberships (app_id, tenant_id, user_id),
    FOREIGN KEY (app_id, custom_role) REFERENCES app_roles (app_id, name),
    CHECK (custom_role IS NULL OR custom_role = role)
);
CREATE INDEX role_assignments_custom ON role_assignments (app_id, custom_role)
    WHERE custom_role IS NOT NULL;
CREATE INDEX role_assignments_owner ON role_assignments (app_id, tenant_id, user_id)
    WHERE role = 'owner';

-- Whoever revokes a user's sessions voids the codes that would give them a new address.
CREATE INDEX otp_requests_user ON otp_requests (app_id, user_id) WHERE user_id IS NOT NULL;

-- What consumers that subscribe to revocations are told: tokens of this session, or of this user
-- issued up to `issued_until`, no longer count. Lives as long as such a token could. One row of each
-- subject, however often it is revoked.
CREATE TABLE revocations (
    app_id        UUID        NOT NULL,
    id            UUID        NOT NULL,
    kind          TEXT        NOT NULL CHECK (kind IN ('session', 'user', 'app')),
    subject_id    UUID        NOT NULL,
    issued_until  TIMESTAMPTZ NOT NULL,
    recorded_at   TIMESTAMPTZ NOT NULL,
    expires_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, kind, subject_id)
);
-- Each node asks for the news of all apps at once.
CREATE INDEX revocations_recorded ON revocations (recorded_at);
CREATE INDEX revocations_dead ON revocations (expires_at);

-- `activations_used` counts the slots that are taken, and is what a claim is decided by.
CREATE TABLE licenses (
    app_id            UUID        NOT NULL REFERENCES apps (id),
    id                UUID        NOT NULL,
    -- Keyed hash of the key, and the key sealed for an audited reveal. A licence that is only a
    -- named user's has no key.
    key_hash          BYTEA,
    sealed_key        BYTEA,
    key_hint          TEXT,
    label             TEXT,
    issued_to         TEXT,
    tenant_id         UUID,
    user_id           UUID,
    status            TEXT        NOT NULL CHECK (status IN ('active', 'suspended', 'revoked')),
    status_reason     TEXT,
    status_changed_at TIMESTAMPTZ,
    max_activations   BIGINT      NOT NULL CHECK (max_activations >= 1),
    activations_used  BIGINT      NOT NULL CHECK (activations_used >= 0),
    expires_at        TIMESTAMPTZ,
    entitlements      TEXT        NOT NULL,
    metadata          TEXT        NOT NULL,
    version           BIGINT      NOT NULL,
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, id),
    FOREIGN KEY (app_id, tenant_id) REFERENCES organizations (app_id, id),
    FOREIGN KEY (app_id, user_id) REFERENCES users (app_id, id),
    CHECK ((key_hash IS NULL) = (sealed_key IS NULL)),
    CHECK (key_hash IS NOT NULL OR user_id IS NOT NULL)
);
CREATE UNIQUE INDEX licenses_key ON licenses (app_id, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX licenses_user ON licenses (app_id, user_id, id) WHERE user_id IS NOT NULL;
-- What a token's entitlements are joined from: few, whatever was revoked before.
CREATE INDEX licenses_user_live ON licenses (app_id, user_id, id)
    WHERE user_id IS NOT NULL AND status <> 'revoked';
CREATE INDEX licenses_tenant ON licenses (app_id, tenant_id, id) WHERE tenant_id IS NOT NULL;
CREATE INDEX licenses_issued_to ON licenses (app_id, issued_to, id) WHERE issued_to IS NOT NULL;
CREATE INDEX licenses_label ON licenses (app_id, label, id) WHERE label IS NOT NULL;

-- A device on a licence. `released_at` ends it; its slot is free again when `slot_free_at` has
-- passed and the claim that needs it has taken it back (`slot_returned`).
CREATE TABLE license_activations (
    app_id         UUID        NOT NULL,
    id             UUID        NOT NULL,
    license_id     UUID        NOT NULL,
    device_hash    BYTEA       NOT NULL,
    device_label   TEXT,
    created_at     TIMESTAMPTZ NOT NULL,
    last_seen_at   TIMESTAMPTZ NOT NULL,
    released_at    TIMESTAMPTZ,
    release_reason TEXT,
    slot_free_at   TIMESTAMPTZ,
    -- The end of the last licence file that was made for the device: until then it can run without
    -- asking anybody, whoever holds its slot.
    file_until     TIMESTAMPTZ,
    slot_returned  BOOLEAN     NOT NULL,
    PRIMARY KEY (app_id, id),
    FOREIGN KEY (app_id, license_id) REFERENCES licenses (app_id, id),
    CHECK (slot_returned = FALSE OR released_at IS NOT NULL)
);
CREATE UNIQUE INDEX license_activations_device
    ON license_activations (app_id, license_id, device_hash) WHERE released_at IS NULL;
CREATE INDEX license_activations_license ON license_activations (app_id, license_id, id);
CREATE INDEX license_activations_cooling
    ON license_activations (app_id, license_id, slot_free_at) WHERE slot_returned = FALSE AND released_at IS NOT NULL;

-- The key an app's licence files are signed with: its own, so that no other app's files pass.
CREATE TABLE license_signing_keys (
    app_id          UUID        NOT NULL REFERENCES apps (id),
    kid             TEXT        NOT NULL,
    alg             TEXT        NOT NULL,
    state           TEXT        NOT NULL CHECK (state IN ('active', 'retired')),
    public_der      BYTEA       NOT NULL,
    sealed_private  BYTEA,
    created_at      TIMESTAMPTZ NOT NULL,
    retired_at      TIMESTAMPTZ,
    PRIMARY KEY (app_id, kid)
);
CREATE UNIQUE INDEX license_signing_keys_active ON license_signing_keys (app_id)
    WHERE state = 'active';
