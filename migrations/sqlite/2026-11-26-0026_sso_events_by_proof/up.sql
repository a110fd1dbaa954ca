-- Whether a signature was proven: what strangers leave is bounded, by the network that it came from and altogether.
ALTER TABLE sso_events ADD COLUMN proven BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE sso_events ADD COLUMN network TEXT NOT NULL DEFAULT '';
CREATE INDEX sso_events_by_network ON sso_events (proven, network, id);
CREATE INDEX sso_events_by_proof ON sso_events (proven, id);

-- Whose name is not known was refused before anything was proven. What strangers wrote at any length is cut.
UPDATE sso_events SET proven = FALSE WHERE outcome = 'refused' AND name_id IS NULL AND user_id IS NULL;
UPDATE sso_events SET sentence = substr(sentence, 1, 1000) WHERE length(sentence) > 1000;
UPDATE sso_events SET details = '{}' WHERE length(details) > 65536;
