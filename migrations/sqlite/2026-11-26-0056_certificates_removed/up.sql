-- Certificates that were removed here: no document that still lists one brings it back by itself.
CREATE TABLE idp_certificates_removed (
    fingerprint  TEXT PRIMARY KEY NOT NULL,
    removed_at   TIMESTAMP NOT NULL,
    by_owner     BOOLEAN NOT NULL
);
-- One that an owner removed and that came again signs in nobody until an owner approves of it.
ALTER TABLE idp_certificates ADD COLUMN withdrawn BOOLEAN NOT NULL DEFAULT FALSE;
-- Under which issuer it was trusted, where another one is in force since.
ALTER TABLE idp_certificates ADD COLUMN former_issuer TEXT;
