-- Numbers that Home and lists tell without counting. How many accounts there are, whether Entra ID sees them or not:
ALTER TABLE census ADD COLUMN everyone BIGINT NOT NULL DEFAULT 0;
ALTER TABLE census ADD COLUMN everyone_active BIGINT NOT NULL DEFAULT 0;
ALTER TABLE census ADD COLUMN linked BIGINT NOT NULL DEFAULT 0;
UPDATE census SET
    everyone = (SELECT count(*) FROM users),
    everyone_active = (SELECT count(*) FROM users WHERE active),
    linked = (SELECT count(*) FROM users WHERE entra_state = 'linked');

-- and how many people work at each site.
ALTER TABLE sites ADD COLUMN headcount BIGINT NOT NULL DEFAULT 0;
UPDATE sites SET headcount = (SELECT count(*) FROM users WHERE users.site_id = sites.id);

-- What came of a comparison is counted by the entries of an index alone.
CREATE INDEX alignment_rows_in_numbers ON alignment_rows (alignment_id, kind, state, standing);
