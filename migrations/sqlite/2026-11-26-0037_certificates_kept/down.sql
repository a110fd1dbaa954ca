ALTER TABLE idp_certificates DROP COLUMN kept_at_upgrade;
