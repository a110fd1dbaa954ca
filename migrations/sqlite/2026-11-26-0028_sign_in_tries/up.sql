-- What was counted against an account alone, so that anybody could lock it, is forgotten: two hours of memory.
DROP TABLE sign_in_failures;

-- Tries by subject: a pair of account and address, a block of addresses, a session, or what was told lately.
CREATE TABLE sign_in_failures (
    subject TEXT NOT NULL PRIMARY KEY,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    failures INTEGER NOT NULL,
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL,
    locked_until TIMESTAMP
);
CREATE INDEX sign_in_failures_last_at ON sign_in_failures (last_at);
CREATE INDEX sign_in_failures_user_id ON sign_in_failures (user_id);

-- Wrong passwords of strangers, by account: what owners are told.
CREATE TABLE sign_in_guesses (
    user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    failures INTEGER NOT NULL,
    addresses INTEGER NOT NULL,
    first_at TIMESTAMP NOT NULL,
    last_at TIMESTAMP NOT NULL
);

-- Devices that have signed in before, by account; the secret in their cookie as a keyed digest.
CREATE TABLE sign_in_devices (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    failures INTEGER NOT NULL,
    failed_at TIMESTAMP,
    used_at TIMESTAMP NOT NULL,
    UNIQUE (digest, user_id)
);
CREATE INDEX sign_in_devices_user_id ON sign_in_devices (user_id, used_at);
CREATE INDEX sign_in_devices_used_at ON sign_in_devices (used_at);
