DELETE FROM settings WHERE name = 'look_at_trust';
ALTER TABLE users DROP COLUMN confirmed_object_id;
ALTER TABLE users DROP COLUMN confirmed_federated_key;
ALTER TABLE users DROP COLUMN confirmed_name_key;
