-- Before owners had to approve of certificates for all roles, one without approval served auditors and administrators. Those
-- that were there then go on doing so until an owner has looked.
ALTER TABLE idp_certificates ADD COLUMN kept_at_upgrade BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE idp_certificates SET kept_at_upgrade = TRUE
WHERE NOT approved
  AND substr(created_at, 1, 19) <=
      (SELECT substr(run_on, 1, 19) FROM __diesel_schema_migrations WHERE version = '202611260017');
