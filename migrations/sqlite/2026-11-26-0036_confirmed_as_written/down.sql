UPDATE users
SET confirmed_name_key = CASE WHEN confirmed_name_key IS NOT NULL THEN user_name_key END,
    confirmed_federated_key = CASE WHEN confirmed_federated_key IS NOT NULL THEN federated_key END;
ALTER TABLE users DROP COLUMN federated_id_last_confirmed;
ALTER TABLE users DROP COLUMN name_last_confirmed;
