CREATE TABLE sso_settings (
    id          TEXT PRIMARY KEY NOT NULL,
    enabled     BOOLEAN NOT NULL,
    login_url   TEXT,
    issuer      TEXT,
    logout_url  TEXT,
    updated_at  TIMESTAMP NOT NULL
);

CREATE TABLE idp_certificates (
    id           TEXT PRIMARY KEY NOT NULL,
    der          TEXT NOT NULL,
    subject      TEXT NOT NULL,
    fingerprint  TEXT NOT NULL UNIQUE,
    not_before   TIMESTAMP NOT NULL,
    not_after    TIMESTAMP NOT NULL,
    created_at   TIMESTAMP NOT NULL
);
