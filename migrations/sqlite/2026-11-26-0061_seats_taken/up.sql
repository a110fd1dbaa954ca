-- How many seats of a type are taken, known without counting.
ALTER TABLE license_types ADD COLUMN seats_taken BIGINT NOT NULL DEFAULT 0;
UPDATE license_types SET seats_taken =
    (SELECT count(*) FROM license_assignments WHERE license_assignments.license_type_id = license_types.id);
