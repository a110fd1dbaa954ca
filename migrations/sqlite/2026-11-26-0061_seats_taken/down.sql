ALTER TABLE license_types DROP COLUMN seats_taken;
