-- The text by which people are searched, anew: short words are found behind a hyphen and the like, telephone numbers
-- however they are grouped, and names also of whoever has very many addresses.
DROP TRIGGER user_search_of_changed;
UPDATE users SET search_text = search_text_of(
    user_name || ' ' || coalesce(held_name, '') || ' ' || coalesce(display_name, '') || ' ' || coalesce(given_name, '') || ' '
    || coalesce(family_name, '') || ' ' || coalesce(title, '') || ' ' || coalesce(department, '') || ' '
    || coalesce(extension, ''),
    coalesce(work_phone, '') || char(10) || coalesce(mobile_phone, '') || char(10) || coalesce(phone_number, ''),
    coalesce((SELECT group_concat(value, ' ') FROM user_emails WHERE user_id = users.id), ''));
INSERT INTO user_search (user_search) VALUES ('delete-all');
INSERT INTO user_search (rowid, text) SELECT search_no, search_text FROM users ORDER BY search_no;
INSERT INTO user_search (user_search) VALUES ('optimize');
CREATE TRIGGER user_search_of_changed AFTER UPDATE OF search_text ON users
WHEN new.search_text <> old.search_text BEGIN
    UPDATE user_search SET text = new.search_text WHERE rowid = new.search_no;
END;

-- Rows of people who are counted no longer bear a time long ago, and were counted here: `at > '1971'` compared with a
-- number, than which every time is greater.
DELETE FROM guard_arrivals;
INSERT INTO guard_arrivals
    SELECT loss, substr(came_at, 1, 17) || '00', count(*) FROM guard_people
    WHERE at > '1971-01-01' AND came_at > '1971-01-01' GROUP BY loss, substr(came_at, 1, 17);
