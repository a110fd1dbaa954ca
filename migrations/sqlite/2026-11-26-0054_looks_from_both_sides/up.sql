-- A look knows no difference between i, l and 1 any more, and a name has the look of how it is written beside that of how
-- it is looked up, so that two names meet whichever of them was there first. Both are functions of the program's.
ALTER TABLE users ADD COLUMN look_written TEXT;
UPDATE users SET look_key = look_apart(user_name_key), look_written = look_as_written(user_name, user_name_key);
CREATE INDEX users_by_look_written ON users (look_written) WHERE look_written IS NOT NULL;
