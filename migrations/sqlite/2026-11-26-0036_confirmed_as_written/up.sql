-- What an owner last stood behind, as it was written: shown beside what somebody else wrote since.
ALTER TABLE users ADD COLUMN name_last_confirmed TEXT;
ALTER TABLE users ADD COLUMN federated_id_last_confirmed TEXT;
UPDATE users
SET name_last_confirmed = CASE WHEN confirmed_name_key = user_name_key THEN user_name ELSE confirmed_name_key END,
    federated_id_last_confirmed =
        CASE WHEN confirmed_federated_key = federated_key THEN federated_id ELSE confirmed_federated_key END
WHERE role <> 'none';

-- What counts is kept as single sign-on compares names: only the case of ASCII letters, which is all that lower() folds
-- here, makes no difference. What does not count now does not count again when an old name returns.
UPDATE users
SET confirmed_name_key = CASE WHEN confirmed_name_key = user_name_key THEN lower(trim(user_name)) END,
    confirmed_federated_key = CASE WHEN confirmed_federated_key = federated_key THEN lower(trim(federated_id)) END
WHERE role <> 'none';

-- Where single sign-on was never set up, nobody came in by a federated id, and nobody is locked out if an owner confirms it.
UPDATE users SET confirmed_federated_key = NULL
WHERE role <> 'none'
  AND NOT EXISTS (SELECT 1 FROM sso_settings WHERE id = 'entra' AND issuer IS NOT NULL);

-- Whoever had roles before is asked to look, also where single sign-on comes later.
INSERT INTO settings (name, value, updated_at)
SELECT 'look_at_trust', 'true', CURRENT_TIMESTAMP
WHERE EXISTS (SELECT 1 FROM users WHERE role <> 'none')
  AND NOT EXISTS (SELECT 1 FROM settings WHERE name = 'look_at_trust');
