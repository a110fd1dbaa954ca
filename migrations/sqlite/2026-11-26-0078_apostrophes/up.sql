-- The text by which people are searched, anew where it has other letters than those of a keyboard: an apostrophe and a
-- hyphen are found however they are written, and names without their points and vowel signs.
UPDATE users SET search_text = search_text_of(
    user_name || ' ' || coalesce(held_name, '') || ' ' || coalesce(display_name, '') || ' ' || coalesce(given_name, '') || ' '
    || coalesce(family_name, '') || ' ' || coalesce(title, '') || ' ' || coalesce(department, '') || ' '
    || coalesce(extension, ''),
    coalesce(work_phone, '') || char(10) || coalesce(mobile_phone, '') || char(10) || coalesce(phone_number, ''),
    coalesce((SELECT group_concat(value, ' ') FROM user_emails WHERE user_id = users.id), ''))
WHERE search_text GLOB '*[^ -~]*';
