-- What an administrator changed of whom to trust waits for an owner field by field: a copy of everything would bring back
-- what an owner changed meanwhile. A value that is missing is a field that was cleared, or a box that is no longer ticked.
CREATE TABLE sso_waiting (
    field  TEXT PRIMARY KEY NOT NULL
           CHECK (field IN ('login_url', 'issuer', 'logout_url', 'allow_sha1', 'metadata_url', 'refresh_metadata')),
    value  TEXT
);

INSERT INTO sso_waiting (field, value)
SELECT field, wish FROM (
    SELECT 'login_url' AS field, w.login_url AS wish, f.login_url AS in_force
    FROM sso_settings w LEFT JOIN sso_settings f ON f.id = 'entra' WHERE w.id = 'waiting'
    UNION ALL
    SELECT 'issuer', w.issuer, f.issuer
    FROM sso_settings w LEFT JOIN sso_settings f ON f.id = 'entra' WHERE w.id = 'waiting'
    UNION ALL
    SELECT 'logout_url', w.logout_url, f.logout_url
    FROM sso_settings w LEFT JOIN sso_settings f ON f.id = 'entra' WHERE w.id = 'waiting'
    UNION ALL
    SELECT 'allow_sha1', CASE WHEN w.allow_sha1 THEN 'on' END, CASE WHEN f.allow_sha1 THEN 'on' END
    FROM sso_settings w LEFT JOIN sso_settings f ON f.id = 'entra' WHERE w.id = 'waiting'
    UNION ALL
    SELECT 'metadata_url', w.metadata_url, f.metadata_url
    FROM sso_settings w LEFT JOIN sso_settings f ON f.id = 'entra' WHERE w.id = 'waiting'
    UNION ALL
    SELECT 'refresh_metadata', CASE WHEN w.refresh_metadata THEN 'on' END, CASE WHEN f.refresh_metadata THEN 'on' END
    FROM sso_settings w LEFT JOIN sso_settings f ON f.id = 'entra' WHERE w.id = 'waiting'
) AS both_sides
WHERE wish IS DISTINCT FROM in_force;
DELETE FROM sso_settings WHERE id = 'waiting';
