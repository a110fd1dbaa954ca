DELETE FROM oldest_programs WHERE migration = '202611260081';
ALTER TABLE alignment_rows DROP CONSTRAINT alignment_rows_standing;
ALTER TABLE alignment_rows DROP CONSTRAINT alignment_rows_kind;
ALTER TABLE import_rows DROP CONSTRAINT import_rows_step;
ALTER TABLE provisioning_troubles DROP CONSTRAINT provisioning_troubles_kind;
ALTER TABLE provisioning_events DROP CONSTRAINT provisioning_events_outcome;
