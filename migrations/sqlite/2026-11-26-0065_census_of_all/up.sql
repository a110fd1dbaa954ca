-- How many accounts there are, whether Entra ID sees them or not: Home and the list of users tell it without counting.
ALTER TABLE census ADD COLUMN everyone BIGINT NOT NULL DEFAULT 0;
ALTER TABLE census ADD COLUMN everyone_active BIGINT NOT NULL DEFAULT 0;
ALTER TABLE census ADD COLUMN linked BIGINT NOT NULL DEFAULT 0;
UPDATE census SET
    everyone = (SELECT count(*) FROM users),
    everyone_active = (SELECT count(*) FROM users WHERE active),
    linked = (SELECT count(*) FROM users WHERE entra_state = 'linked');
