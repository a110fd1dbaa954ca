-- What signs in nobody would sign in people without a role.
DELETE FROM idp_certificates WHERE withdrawn;
ALTER TABLE idp_certificates DROP COLUMN former_issuer;
ALTER TABLE idp_certificates DROP COLUMN withdrawn;
DROP TABLE idp_certificates_removed;
