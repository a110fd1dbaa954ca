-- What an owner stands behind of that by which an account with a role is recognised at a sign-in through Entra ID.
ALTER TABLE users ADD COLUMN confirmed_name_key TEXT;
ALTER TABLE users ADD COLUMN confirmed_federated_key TEXT;
ALTER TABLE users ADD COLUMN confirmed_object_id TEXT;

-- What is there is kept, and Home asks an owner once to look at it.
UPDATE users
SET confirmed_name_key = user_name_key,
    confirmed_federated_key = federated_key,
    confirmed_object_id = entra_object_id
WHERE role <> 'none';

INSERT INTO settings (name, value, updated_at)
SELECT 'look_at_trust', 'true', CURRENT_TIMESTAMP
WHERE EXISTS (SELECT 1 FROM sso_settings WHERE issuer IS NOT NULL)
  AND EXISTS (SELECT 1 FROM users WHERE role <> 'none');
