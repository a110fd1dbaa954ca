-- The words that the program writes there are those that it knows. The rows are read once for it, about a second for a
-- million of them, and none is written anew. What gets more kinds with each version (of long work, of entries in the audit
-- log) is left to the program.
ALTER TABLE provisioning_events ADD CONSTRAINT provisioning_events_outcome
    CHECK (outcome IN ('done', 'warning', 'held', 'failed', 'refused'));
ALTER TABLE provisioning_troubles ADD CONSTRAINT provisioning_troubles_kind
    CHECK (kind IN ('user', 'group', 'request', 'credential'));
ALTER TABLE import_rows ADD CONSTRAINT import_rows_step
    CHECK (step IN ('assign', 'change', 'remove', 'nothing', 'left_alone', 'fault'));
ALTER TABLE alignment_rows ADD CONSTRAINT alignment_rows_kind
    CHECK (kind IN ('same', 'case', 'letters', 'email', 'domain', 'edit', 'name', 'ambiguous', 'only_here', 'only_in_entra'));
ALTER TABLE alignment_rows ADD CONSTRAINT alignment_rows_standing
    CHECK (standing IN ('free', 'linked', 'protected', 'nobody'));
-- Programs before this one write no others.
INSERT INTO oldest_programs (migration, program) VALUES ('202611260081', '0.1.0');
