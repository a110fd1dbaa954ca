-- What deserves a thought in a row that has no fault.
ALTER TABLE import_rows ADD COLUMN remark TEXT;
