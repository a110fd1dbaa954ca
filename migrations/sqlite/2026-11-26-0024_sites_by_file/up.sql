-- The site in a licence file, where the file has such a column; site_id is the one that the row would set, if any.
ALTER TABLE import_rows ADD COLUMN site TEXT;
ALTER TABLE import_rows ADD COLUMN site_id TEXT;
