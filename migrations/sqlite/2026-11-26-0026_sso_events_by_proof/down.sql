DROP INDEX sso_events_by_proof;
DROP INDEX sso_events_by_network;
ALTER TABLE sso_events DROP COLUMN network;
ALTER TABLE sso_events DROP COLUMN proven;
