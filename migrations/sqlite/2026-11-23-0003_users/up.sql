CREATE TABLE users (
    id                   TEXT PRIMARY KEY NOT NULL,
    scim_id              TEXT NOT NULL UNIQUE,
    user_name            TEXT NOT NULL,
    user_name_key        TEXT NOT NULL UNIQUE,
    external_id          TEXT,
    entra_object_id      TEXT,
    display_name         TEXT,
    given_name           TEXT,
    family_name          TEXT,
    sort_name            TEXT NOT NULL,
    title                TEXT,
    department           TEXT,
    manager              TEXT,
    work_phone           TEXT,
    mobile_phone         TEXT,
    locale               TEXT,
    time_zone            TEXT,
    language             TEXT,
    phone_number         TEXT,
    extension            TEXT UNIQUE,
    site_id              TEXT REFERENCES sites (id),
    site_sent            TEXT,
    site_sent_key        TEXT,
    site_urn             TEXT,
    active               BOOLEAN NOT NULL,
    entra_state          TEXT NOT NULL CHECK (entra_state IN ('unlinked', 'linked', 'deleted')),
    origin               TEXT NOT NULL CHECK (origin IN ('console', 'entra')),
    role                 TEXT NOT NULL CHECK (role IN ('none', 'auditor', 'administrator', 'owner')),
    handed_over          BOOLEAN NOT NULL,
    password_hash        TEXT,
    created_at           TIMESTAMP NOT NULL,
    updated_at           TIMESTAMP NOT NULL,
    deactivated_at       TIMESTAMP,
    deleted_in_entra_at  TIMESTAMP,
    version              INTEGER NOT NULL,
    more                 TEXT NOT NULL,
    search_text          TEXT NOT NULL
);
CREATE INDEX users_by_sort_name ON users (sort_name, id);
CREATE INDEX users_by_created ON users (created_at, id);
CREATE INDEX users_by_updated ON users (updated_at, id);
CREATE INDEX users_by_external_id ON users (external_id);
CREATE INDEX users_by_site ON users (site_id, sort_name, id);
CREATE INDEX users_by_entra_state ON users (entra_state, sort_name, id);
CREATE INDEX users_by_active ON users (active, deactivated_at);
CREATE INDEX users_by_role ON users (role);
CREATE INDEX users_by_site_sent ON users (site_id, site_sent_key, site_sent);

CREATE TABLE user_emails (
    id          TEXT PRIMARY KEY NOT NULL,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,
    value       TEXT NOT NULL,
    value_key   TEXT NOT NULL,
    kind        TEXT,
    is_primary  BOOLEAN,
    display     TEXT
);
CREATE INDEX user_emails_by_user ON user_emails (user_id, position);
CREATE INDEX user_emails_by_value ON user_emails (value_key);

-- SCIM ids that are gone for good: never given out again, and a later request for one can be explained.
CREATE TABLE retired_scim_ids (
    scim_id     TEXT PRIMARY KEY NOT NULL,
    user_name   TEXT NOT NULL,
    reason      TEXT NOT NULL CHECK (reason IN ('adopted', 'deleted')),
    retired_by  TEXT NOT NULL,
    retired_at  TIMESTAMP NOT NULL
);
