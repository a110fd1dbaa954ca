-- Those who may ask for access tokens with a secret. A removed one is kept, so that the log can name it.
CREATE TABLE oauth_clients (
    id            TEXT PRIMARY KEY NOT NULL,
    label         TEXT NOT NULL,
    identifier    TEXT NOT NULL UNIQUE,
    created_by    TEXT NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    removed_at    TIMESTAMP,
    last_used_at  TIMESTAMP
);

-- Only a keyed digest is kept: a secret is shown once, when it is made.
CREATE TABLE oauth_client_secrets (
    id            TEXT PRIMARY KEY NOT NULL,
    client_id     TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    digest        TEXT NOT NULL UNIQUE,
    created_by    TEXT NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    expires_at    TIMESTAMP NOT NULL,
    revoked_at    TIMESTAMP,
    last_used_at  TIMESTAMP
);
CREATE INDEX oauth_client_secrets_by_client ON oauth_client_secrets (client_id, id);

-- What was issued at the token endpoint: by a client's secret, or (without one) by workload identity federation.
CREATE TABLE oauth_access_tokens (
    id            TEXT PRIMARY KEY NOT NULL,
    digest        TEXT NOT NULL UNIQUE,
    client_id     TEXT REFERENCES oauth_clients (id) ON DELETE CASCADE,
    secret_id     TEXT REFERENCES oauth_client_secrets (id) ON DELETE CASCADE,
    label         TEXT NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    expires_at    TIMESTAMP NOT NULL,
    revoked_at    TIMESTAMP,
    last_used_at  TIMESTAMP,
    CHECK ((client_id IS NULL) = (secret_id IS NULL))
);
CREATE INDEX oauth_access_tokens_by_client ON oauth_access_tokens (client_id, id);
CREATE INDEX oauth_access_tokens_by_secret ON oauth_access_tokens (secret_id);
CREATE INDEX oauth_access_tokens_by_expiry ON oauth_access_tokens (expires_at);
