-- Whom Entra ID would take something from: one row for each person and kind of loss, however often it tries.
CREATE TABLE guard_people (
    loss     TEXT NOT NULL CHECK (loss IN ('account', 'user_name')),
    user_id  TEXT NOT NULL,
    at       TIMESTAMP NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('went', 'held')),
    kept_at  TIMESTAMP,
    PRIMARY KEY (loss, user_id)
);
CREATE INDEX guard_people_by_time ON guard_people (loss, at);
-- How many of those rows fall into each minute, so that a window is a sum; and how many users were active before it.
CREATE TABLE guard_minutes (
    loss    TEXT NOT NULL,
    minute  TIMESTAMP NOT NULL,
    people  BIGINT NOT NULL,
    active  BIGINT NOT NULL,
    PRIMARY KEY (loss, minute)
);
DROP TABLE guard_tally;

-- What is held back already stays so, and counts.
INSERT INTO guard_people SELECT 'account', id, held_at, 'held', NULL FROM users WHERE held_at IS NOT NULL;
INSERT INTO guard_minutes
    SELECT 'account', substr(held_at, 1, 17) || '00', count(*), (SELECT max(active_users) FROM census)
    FROM users WHERE held_at IS NOT NULL GROUP BY substr(held_at, 1, 17);

-- A user name that Entra ID wrote and that waits for an administrator.
ALTER TABLE users ADD COLUMN held_name TEXT;
ALTER TABLE users ADD COLUMN held_name_key TEXT;
CREATE UNIQUE INDEX users_by_held_name ON users (held_name_key) WHERE held_name_key IS NOT NULL;
