ALTER TABLE sessions DROP COLUMN came_by;
