-- A failure under an id that is gone is settled when the same name goes well again: the name is kept, folded.
ALTER TABLE provisioning_troubles ADD COLUMN name_key TEXT;
CREATE INDEX provisioning_troubles_by_name ON provisioning_troubles (name_key);
