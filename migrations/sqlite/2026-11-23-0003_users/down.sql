DROP TABLE retired_scim_ids;
DROP TABLE user_emails;
DROP TABLE users;
