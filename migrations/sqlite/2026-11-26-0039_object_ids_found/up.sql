-- At which sign-in an object id was remembered: whether the federated id or the user name was matched, and which it was.
ALTER TABLE users ADD COLUMN object_id_found_by TEXT;
ALTER TABLE users ADD COLUMN object_id_found_as TEXT;
