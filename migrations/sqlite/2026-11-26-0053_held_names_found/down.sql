UPDATE users SET search_text = substr(search_text, 1, length(search_text) - length(held_name_key) - 1)
    WHERE held_name_key IS NOT NULL AND search_text LIKE '% ' || held_name_key;
