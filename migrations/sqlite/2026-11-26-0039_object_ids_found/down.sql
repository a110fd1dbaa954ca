ALTER TABLE users DROP COLUMN object_id_found_as;
ALTER TABLE users DROP COLUMN object_id_found_by;
