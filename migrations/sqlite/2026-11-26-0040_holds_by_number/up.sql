-- A verdict names what its page showed: each state of what is held back has a number of its own, given in order.
ALTER TABLE census ADD COLUMN holds BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN held_no BIGINT;
-- The number with which it began: another one says that Entra ID has asked for something else since.
ALTER TABLE users ADD COLUMN held_first_no BIGINT;
UPDATE users SET held_no = 0, held_first_no = 0 WHERE held_at IS NOT NULL;
