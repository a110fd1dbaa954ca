CREATE TABLE license_types (
    id          TEXT PRIMARY KEY NOT NULL,
    code        TEXT NOT NULL,
    code_key    TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    seats       INTEGER NOT NULL CHECK (seats >= 0),
    created_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL
);

-- One licence a user: the unique key is the rule.
CREATE TABLE license_assignments (
    id               TEXT PRIMARY KEY NOT NULL,
    user_id          TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
    license_type_id  TEXT NOT NULL REFERENCES license_types (id),
    assigned_at      TIMESTAMP NOT NULL
);
CREATE INDEX license_assignments_by_type ON license_assignments (license_type_id);
