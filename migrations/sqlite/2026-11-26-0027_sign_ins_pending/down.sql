DROP TABLE pending_sign_ins;
CREATE TABLE saml_requests_before (
    id           TEXT PRIMARY KEY NOT NULL,
    purpose      TEXT NOT NULL CHECK (purpose IN ('sign_in', 'test', 'sign_out')),
    browser      TEXT NOT NULL,
    return_to    TEXT NOT NULL,
    started_by   TEXT REFERENCES users (id) ON DELETE CASCADE,
    created_at   TIMESTAMP NOT NULL,
    expires_at   TIMESTAMP NOT NULL,
    answered_at  TIMESTAMP
);
INSERT INTO saml_requests_before SELECT id, purpose, browser, return_to, started_by, created_at, expires_at, answered_at
FROM saml_requests WHERE purpose <> 'proof';
DROP TABLE saml_requests;
ALTER TABLE saml_requests_before RENAME TO saml_requests;
CREATE INDEX saml_requests_by_expiry ON saml_requests (expires_at);
CREATE INDEX saml_requests_by_starter ON saml_requests (started_by);
