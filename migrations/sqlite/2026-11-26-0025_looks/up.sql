-- What a user name looks like, where that is not the name itself: look_apart is a function of the program's.
ALTER TABLE users ADD COLUMN look_key TEXT;
UPDATE users SET look_key = look_apart(user_name_key) WHERE look_apart(user_name_key) IS NOT NULL;
CREATE INDEX users_by_look ON users (look_key) WHERE look_key IS NOT NULL;
