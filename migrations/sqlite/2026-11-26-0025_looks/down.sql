DROP INDEX users_by_look;
ALTER TABLE users DROP COLUMN look_key;
