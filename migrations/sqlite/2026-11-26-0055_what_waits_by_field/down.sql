INSERT INTO sso_settings
    (id, enabled, login_url, issuer, logout_url, allow_sha1, metadata_url, refresh_metadata, updated_at)
SELECT
    'waiting', FALSE,
    CASE WHEN EXISTS (SELECT 1 FROM sso_waiting WHERE field = 'login_url')
         THEN (SELECT value FROM sso_waiting WHERE field = 'login_url') ELSE f.login_url END,
    CASE WHEN EXISTS (SELECT 1 FROM sso_waiting WHERE field = 'issuer')
         THEN (SELECT value FROM sso_waiting WHERE field = 'issuer') ELSE f.issuer END,
    CASE WHEN EXISTS (SELECT 1 FROM sso_waiting WHERE field = 'logout_url')
         THEN (SELECT value FROM sso_waiting WHERE field = 'logout_url') ELSE f.logout_url END,
    CASE WHEN EXISTS (SELECT 1 FROM sso_waiting WHERE field = 'allow_sha1')
         THEN (SELECT value IS NOT NULL FROM sso_waiting WHERE field = 'allow_sha1') ELSE f.allow_sha1 END,
    CASE WHEN EXISTS (SELECT 1 FROM sso_waiting WHERE field = 'metadata_url')
         THEN (SELECT value FROM sso_waiting WHERE field = 'metadata_url') ELSE f.metadata_url END,
    CASE WHEN EXISTS (SELECT 1 FROM sso_waiting WHERE field = 'refresh_metadata')
         THEN (SELECT value IS NOT NULL FROM sso_waiting WHERE field = 'refresh_metadata') ELSE f.refresh_metadata END,
    CURRENT_TIMESTAMP
FROM sso_settings f
WHERE f.id = 'entra' AND EXISTS (SELECT 1 FROM sso_waiting);
DROP TABLE sso_waiting;
