-- A link by which somebody chooses their password rests on the owner who made it, and on the role that the account had
-- then: it ends with either. Of those that there are nobody can tell whose they are: an owner makes another.
DROP TABLE password_links;
CREATE TABLE password_links (
    user_id     TEXT PRIMARY KEY NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest      TEXT NOT NULL UNIQUE,
    made_by     TEXT NOT NULL,
    created_at  TIMESTAMP NOT NULL,
    expires_at  TIMESTAMP NOT NULL,
    -- None where it was made by somebody who has no account: with the shell of the server.
    maker_id    TEXT REFERENCES users (id) ON DELETE CASCADE,
    role        TEXT NOT NULL
);
CREATE INDEX password_links_by_maker ON password_links (maker_id);
