-- Proposals that nobody has decided on, and those that were accepted, by their number.
DROP INDEX alignment_rows_in_numbers;
CREATE INDEX alignment_rows_in_numbers ON alignment_rows (alignment_id, kind, state, standing, number);
