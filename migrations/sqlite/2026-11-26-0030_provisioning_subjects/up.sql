-- Who made a request that was Rollcall's own, which group it was about, what it asked for, and the kind of what failed.
ALTER TABLE provisioning_events ADD COLUMN actor TEXT;
ALTER TABLE provisioning_events ADD COLUMN group_id TEXT;
ALTER TABLE provisioning_events ADD COLUMN request TEXT;
ALTER TABLE provisioning_events ADD COLUMN cause TEXT;
-- Only what failed has a cause, and only what came without an accepted credential has neither token nor actor: requests
-- that went well, by far the most, need no entry.
CREATE INDEX provisioning_events_by_cause ON provisioning_events (cause, id) WHERE cause IS NOT NULL;
CREATE INDEX provisioning_events_of_strangers ON provisioning_events (id) WHERE token_id IS NULL AND actor IS NULL;
