-- The token itself is sealed (it can be shown again) and found by a keyed digest.
CREATE TABLE api_tokens (
    id            TEXT PRIMARY KEY NOT NULL,
    label         TEXT NOT NULL,
    digest        TEXT NOT NULL UNIQUE,
    sealed        TEXT NOT NULL,
    created_by    TEXT NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    expires_at    TIMESTAMP,
    revoked_at    TIMESTAMP,
    last_used_at  TIMESTAMP
);

-- One row a SCIM request.
CREATE TABLE provisioning_events (
    id          TEXT PRIMARY KEY NOT NULL,
    at          TIMESTAMP NOT NULL,
    operation   TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    status      INTEGER NOT NULL,
    user_id     TEXT,
    subject     TEXT,
    token_id    TEXT,
    changes     TEXT NOT NULL,
    error       TEXT,
    remedy      TEXT,
    request_id  TEXT
);
CREATE INDEX provisioning_events_by_at ON provisioning_events (at, outcome);
CREATE INDEX provisioning_events_by_user ON provisioning_events (user_id, id);
CREATE INDEX provisioning_events_by_outcome ON provisioning_events (outcome, id);
CREATE INDEX provisioning_events_by_operation ON provisioning_events (operation, id);

-- Creates that met an account which is not linked: an administrator decides.
CREATE TABLE link_requests (
    id           TEXT PRIMARY KEY NOT NULL,
    user_id      TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    external_id  TEXT,
    attempts     INTEGER NOT NULL,
    first_at     TIMESTAMP NOT NULL,
    last_at      TIMESTAMP NOT NULL
);
