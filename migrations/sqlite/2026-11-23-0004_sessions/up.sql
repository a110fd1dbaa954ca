-- `id` is a digest of the key in the browser's cookie: a copy of this table opens no session.
CREATE TABLE sessions (
    id            TEXT PRIMARY KEY NOT NULL,
    user_id       TEXT REFERENCES users (id) ON DELETE CASCADE,
    state         TEXT NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    last_seen_at  TIMESTAMP NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_last_seen ON sessions (last_seen_at);

-- Failed sign-ins since the last good one, by account ('account:…') and by address ('address:…').
CREATE TABLE sign_in_failures (
    subject       TEXT PRIMARY KEY NOT NULL,
    failures      INTEGER NOT NULL,
    last_at       TIMESTAMP NOT NULL,
    locked_until  TIMESTAMP
);
CREATE INDEX sign_in_failures_by_last_at ON sign_in_failures (last_at);
