-- Whoever looks for a user name that is held back finds the account that waits for it.
UPDATE users SET search_text = search_text || ' ' || held_name_key WHERE held_name_key IS NOT NULL;
