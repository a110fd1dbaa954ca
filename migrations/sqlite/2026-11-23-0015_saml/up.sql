ALTER TABLE sso_settings ADD COLUMN match_claim TEXT;
ALTER TABLE sso_settings ADD COLUMN create_users BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sso_settings ADD COLUMN allow_unsolicited BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE sso_settings ADD COLUMN sign_requests BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sso_settings ADD COLUMN require_signed_response BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sso_settings ADD COLUMN require_encryption BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sso_settings ADD COLUMN allow_sha1 BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sso_settings ADD COLUMN skew_s INTEGER NOT NULL DEFAULT 180;
ALTER TABLE sso_settings ADD COLUMN metadata_url TEXT;
ALTER TABLE sso_settings ADD COLUMN refresh_metadata BOOLEAN NOT NULL DEFAULT FALSE;
-- Whether an owner chose the address: certificates found there count as approved by one.
ALTER TABLE sso_settings ADD COLUMN metadata_approved BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE sso_settings ADD COLUMN metadata_read_at TIMESTAMP;
ALTER TABLE sso_settings ADD COLUMN metadata_tried_at TIMESTAMP;
ALTER TABLE sso_settings ADD COLUMN metadata_fault TEXT;
-- Since when whom to trust, and where, is what it is: tests before then prove nothing.
ALTER TABLE sso_settings ADD COLUMN trusted_since TIMESTAMP;
ALTER TABLE sso_settings ADD COLUMN requirement TEXT NOT NULL DEFAULT 'off' CHECK (requirement IN ('off', 'trial', 'on'));
ALTER TABLE sso_settings ADD COLUMN trial_until TIMESTAMP;

-- Whether an owner approved of it: without that it signs nobody in as an owner.
ALTER TABLE idp_certificates ADD COLUMN approved BOOLEAN NOT NULL DEFAULT FALSE;

-- Our own keys: the one in use, the next one, and old ones that still open what was encrypted for them.
CREATE TABLE sp_keys (
    id           TEXT PRIMARY KEY NOT NULL,
    sealed_key   TEXT NOT NULL,
    der          TEXT NOT NULL,
    fingerprint  TEXT NOT NULL UNIQUE,
    state        TEXT NOT NULL CHECK (state IN ('active', 'next', 'old')),
    not_after    TIMESTAMP NOT NULL,
    created_at   TIMESTAMP NOT NULL
);

-- What we asked Entra ID, until it answers or the time is over; each is answered once.
CREATE TABLE saml_requests (
    id           TEXT PRIMARY KEY NOT NULL,
    purpose      TEXT NOT NULL CHECK (purpose IN ('sign_in', 'test', 'sign_out')),
    browser      TEXT NOT NULL,
    return_to    TEXT NOT NULL,
    started_by   TEXT REFERENCES users (id) ON DELETE CASCADE,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    answered_at  TIMESTAMP
);
CREATE INDEX saml_requests_by_expiry ON saml_requests (expires_at);
CREATE INDEX saml_requests_by_starter ON saml_requests (started_by);

-- Assertions that were presented, by a digest of issuer and id, for as long as they could be presented again.
CREATE TABLE saml_assertions_seen (
    id          TEXT PRIMARY KEY NOT NULL,
    expires_at  TIMESTAMP NOT NULL
);
CREATE INDEX saml_assertions_seen_by_expiry ON saml_assertions_seen (expires_at);

-- What became of each sign-in through Entra ID.
CREATE TABLE sso_events (
    id          TEXT PRIMARY KEY NOT NULL,
    at          TIMESTAMP NOT NULL,
    reference   TEXT NOT NULL UNIQUE,
    purpose     TEXT NOT NULL CHECK (purpose IN ('sign_in', 'test', 'sign_out')),
    outcome     TEXT NOT NULL CHECK (outcome IN ('accepted', 'refused')),
    cause       TEXT,
    sentence    TEXT NOT NULL,
    user_id     TEXT,
    started_by  TEXT,
    name_id     TEXT,
    address     TEXT NOT NULL,
    details     TEXT NOT NULL
);
CREATE INDEX sso_events_by_user ON sso_events (user_id, id);
CREATE INDEX sso_events_by_outcome ON sso_events (outcome, id);
CREATE INDEX sso_events_by_starter ON sso_events (started_by, purpose, id);

ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'password' CHECK (method IN ('password', 'sso'));
ALTER TABLE sessions ADD COLUMN saml_name_key TEXT;
ALTER TABLE sessions ADD COLUMN saml_session_index TEXT;
CREATE INDEX sessions_by_saml_name ON sessions (saml_name_key);

ALTER TABLE users ADD COLUMN federated_id TEXT;
ALTER TABLE users ADD COLUMN federated_key TEXT;
CREATE UNIQUE INDEX users_by_federated_key ON users (federated_key);
CREATE UNIQUE INDEX users_by_entra_object_id ON users (entra_object_id);
