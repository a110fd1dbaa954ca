ALTER TABLE guard_minutes DROP COLUMN there_day;
ALTER TABLE guard_minutes DROP COLUMN there_hour;
DROP INDEX guard_people_by_coming;
ALTER TABLE guard_people DROP COLUMN came_at;
DROP INDEX users_by_created;
CREATE INDEX users_by_created ON users (created_at, id);
DROP INDEX users_by_reactivation;
ALTER TABLE users DROP COLUMN reactivated_at;
