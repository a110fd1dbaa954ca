DROP INDEX alignment_rows_in_numbers;
ALTER TABLE sites DROP COLUMN headcount;
ALTER TABLE census DROP COLUMN everyone;
ALTER TABLE census DROP COLUMN everyone_active;
ALTER TABLE census DROP COLUMN linked;
