-- What has very many rows comes and goes some at a time: until all are there, and from the moment that it goes, it is
-- not seen.
ALTER TABLE alignments ADD COLUMN complete BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE user_groups ADD COLUMN deleted_at TIMESTAMP;
CREATE INDEX user_groups_deleted ON user_groups (deleted_at) WHERE deleted_at IS NOT NULL;
