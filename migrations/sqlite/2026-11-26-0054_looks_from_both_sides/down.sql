DROP INDEX users_by_look_written;
ALTER TABLE users DROP COLUMN look_written;
