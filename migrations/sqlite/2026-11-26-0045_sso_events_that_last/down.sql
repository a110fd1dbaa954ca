DROP INDEX sso_events_by_proof;
DROP INDEX sso_events_by_network;
CREATE INDEX sso_events_by_network ON sso_events (proven, network, id);
CREATE INDEX sso_events_by_proof ON sso_events (proven, id);
ALTER TABLE sso_events DROP COLUMN lasting;
