DROP TRIGGER user_search_of_new;
DROP TRIGGER user_search_of_changed;
DROP TRIGGER user_search_of_gone;
DROP TABLE user_search;
DROP INDEX users_by_search_no;
ALTER TABLE users DROP COLUMN search_no;
