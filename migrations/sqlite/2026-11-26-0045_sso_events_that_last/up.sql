-- A genuine response can be brought again and again, and be refused each time for the same cause: such lines are capped
-- like those of strangers, but beside them, so that neither pushes the others out.
ALTER TABLE sso_events ADD COLUMN lasting BOOLEAN NOT NULL DEFAULT TRUE;
UPDATE sso_events SET lasting = FALSE
    WHERE proven = FALSE OR cause IN ('replay', 'expired', 'in_response_to', 'request_expired', 'other_browser');
DROP INDEX sso_events_by_network;
DROP INDEX sso_events_by_proof;
CREATE INDEX sso_events_by_network ON sso_events (lasting, proven, network, id);
CREATE INDEX sso_events_by_proof ON sso_events (lasting, proven, id);
