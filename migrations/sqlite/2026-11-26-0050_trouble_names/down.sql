DROP INDEX provisioning_troubles_by_name;
ALTER TABLE provisioning_troubles DROP COLUMN name_key;
