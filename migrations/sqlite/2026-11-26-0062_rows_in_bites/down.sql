DROP INDEX user_groups_deleted;
DELETE FROM user_groups WHERE deleted_at IS NOT NULL;
ALTER TABLE user_groups DROP COLUMN deleted_at;
DELETE FROM alignments WHERE NOT complete;
ALTER TABLE alignments DROP COLUMN complete;
