DROP INDEX users_by_held_name;
ALTER TABLE users DROP COLUMN held_name_key;
ALTER TABLE users DROP COLUMN held_name;
UPDATE users SET held_at = NULL WHERE held IS NULL;
DROP TABLE guard_minutes;
DROP TABLE guard_people;
CREATE TABLE guard_tally (
    minute  TIMESTAMP PRIMARY KEY NOT NULL,
    people  BIGINT NOT NULL
);
