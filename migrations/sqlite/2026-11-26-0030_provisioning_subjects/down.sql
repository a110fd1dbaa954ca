DROP INDEX provisioning_events_of_strangers;
DROP INDEX provisioning_events_by_cause;
ALTER TABLE provisioning_events DROP COLUMN cause;
ALTER TABLE provisioning_events DROP COLUMN request;
ALTER TABLE provisioning_events DROP COLUMN group_id;
ALTER TABLE provisioning_events DROP COLUMN actor;
