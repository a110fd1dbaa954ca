ALTER TABLE import_rows DROP COLUMN site_id;
ALTER TABLE import_rows DROP COLUMN site;
