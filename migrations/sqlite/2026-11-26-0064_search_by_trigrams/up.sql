-- People are searched by an index of the runs of three characters in their text. It is kept by number: a number of the
-- program's own, for the database may give its own numbers of rows anew.
ALTER TABLE users ADD COLUMN search_no BIGINT;
UPDATE users SET
    search_no = rowid,
    search_text = search_text(
        user_name || ' ' || coalesce(held_name, '') || ' ' || coalesce(display_name, '') || ' ' || coalesce(given_name, '') || ' '
        || coalesce(family_name, '') || ' ' || coalesce(title, '') || ' ' || coalesce(department, '') || ' '
        || coalesce(work_phone, '') || ' ' || coalesce(mobile_phone, '') || ' ' || coalesce(phone_number, '') || ' '
        || coalesce(replace(work_phone, ' ', ''), '') || ' ' || coalesce(replace(mobile_phone, ' ', ''), '') || ' '
        || coalesce(replace(phone_number, ' ', ''), '') || ' ' || coalesce(extension, '') || ' '
        || coalesce((SELECT group_concat(value, ' ') FROM user_emails WHERE user_id = users.id), ''));
-- With the name, by which those who are found are sorted.
CREATE INDEX users_by_search_no ON users (search_no, sort_name, id);

CREATE VIRTUAL TABLE user_search USING fts5 (
    text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO user_search (rowid, text) SELECT search_no, search_text FROM users ORDER BY search_no;
-- Merged once; later in smaller steps than by default, so that no write waits for a large one.
INSERT INTO user_search (user_search) VALUES ('optimize');
INSERT INTO user_search (user_search, rank) VALUES ('automerge', 8);
INSERT INTO user_search (user_search, rank) VALUES ('deletemerge', 40);

-- An index, so kept as one: whatever writes the text.
CREATE TRIGGER user_search_of_new AFTER INSERT ON users BEGIN
    INSERT INTO user_search (rowid, text) VALUES (new.search_no, new.search_text);
END;
CREATE TRIGGER user_search_of_changed AFTER UPDATE OF search_text ON users
WHEN new.search_text <> old.search_text BEGIN
    UPDATE user_search SET text = new.search_text WHERE rowid = new.search_no;
END;
CREATE TRIGGER user_search_of_gone AFTER DELETE ON users BEGIN
    DELETE FROM user_search WHERE rowid = old.search_no;
END;
