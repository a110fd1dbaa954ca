-- Who came only lately counts for nothing in the measure of those who were there before.
ALTER TABLE users ADD COLUMN reactivated_at TIMESTAMP;
CREATE INDEX users_by_reactivation ON users (reactivated_at) WHERE reactivated_at IS NOT NULL;
DROP INDEX users_by_created;
CREATE INDEX users_by_created ON users (created_at, id, active, seen);
ALTER TABLE guard_people ADD COLUMN came_at TIMESTAMP NOT NULL DEFAULT '1970-01-01 00:00:00';
CREATE INDEX guard_people_by_coming ON guard_people (loss, came_at);
-- How many were there when the two windows began that end with this minute, once somebody asked.
ALTER TABLE guard_minutes ADD COLUMN there_hour BIGINT;
ALTER TABLE guard_minutes ADD COLUMN there_day BIGINT;
