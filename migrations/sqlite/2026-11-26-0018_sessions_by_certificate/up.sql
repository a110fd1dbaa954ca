-- By which certificates a session came, and whether by settings that wait for an owner: it ends with them.
ALTER TABLE sessions ADD COLUMN came_by TEXT;
