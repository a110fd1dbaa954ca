ALTER TABLE users DROP COLUMN held_first_no;
ALTER TABLE users DROP COLUMN held_no;
ALTER TABLE census DROP COLUMN holds;
