DROP INDEX alignment_rows_in_numbers;
CREATE INDEX alignment_rows_in_numbers ON alignment_rows (alignment_id, kind, state, standing);
