-- Requests that ask for a proof of who sits there are told from those that ask to come in.
CREATE TABLE saml_requests_told (
    id           TEXT PRIMARY KEY NOT NULL,
    purpose      TEXT NOT NULL CHECK (purpose IN ('sign_in', 'proof', 'test', 'sign_out')),
    browser      TEXT NOT NULL,
    return_to    TEXT NOT NULL,
    started_by   TEXT REFERENCES users (id) ON DELETE CASCADE,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    answered_at  TIMESTAMP
);
INSERT INTO saml_requests_told SELECT id, purpose, browser, return_to, started_by, created_at, expires_at, answered_at
FROM saml_requests;
DROP TABLE saml_requests;
ALTER TABLE saml_requests_told RENAME TO saml_requests;
CREATE INDEX saml_requests_by_expiry ON saml_requests (expires_at);
CREATE INDEX saml_requests_by_starter ON saml_requests (started_by);

-- Sign-ins that nobody here asked for, until the person says whether they are to replace who is signed in; by a digest
-- of the secret in the browser.
CREATE TABLE pending_sign_ins (
    id          TEXT PRIMARY KEY NOT NULL,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    arrival     TEXT NOT NULL,
    expires_at  TIMESTAMP NOT NULL
);
CREATE INDEX pending_sign_ins_by_expiry ON pending_sign_ins (expires_at);
CREATE INDEX pending_sign_ins_by_user ON pending_sign_ins (user_id);
