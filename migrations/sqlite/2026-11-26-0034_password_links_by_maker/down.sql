DROP TABLE password_links;
CREATE TABLE password_links (
    user_id     TEXT PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest      TEXT NOT NULL UNIQUE,
    made_by     TEXT NOT NULL,
    created_at  TIMESTAMP NOT NULL,
    expires_at  TIMESTAMP NOT NULL
);
