DROP INDEX provisioning_events_by_user;
CREATE INDEX provisioning_events_by_user ON provisioning_events (user_id, id);
DROP TABLE provisioning_hours;
