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

-- The program before this one knows one measure only, that of the hour.
UPDATE settings
SET value = json_object(
    'enabled', json(CASE WHEN json_extract(value, '$.enabled') THEN 'true' ELSE 'false' END),
    'people', json_extract(value, '$.accounts.hour.people'),
    'share', json_extract(value, '$.accounts.hour.share'),
    'minutes', json_extract(value, '$.minutes'))
WHERE name = 'guard' AND json_extract(value, '$.accounts') IS NOT NULL;
