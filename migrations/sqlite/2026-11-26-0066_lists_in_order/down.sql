CREATE TABLE group_members_before (
    id           TEXT PRIMARY KEY NOT NULL,
    group_id     TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id      TEXT REFERENCES users (id) ON DELETE CASCADE,
    subgroup_id  TEXT REFERENCES user_groups (id) ON DELETE CASCADE,
    held         BOOLEAN NOT NULL,
    UNIQUE (group_id, user_id),
    UNIQUE (group_id, subgroup_id),
    CHECK ((user_id IS NULL) <> (subgroup_id IS NULL))
);
INSERT INTO group_members_before SELECT id, group_id, user_id, subgroup_id, held FROM group_members;
DROP TABLE group_members;
ALTER TABLE group_members_before RENAME TO group_members;
CREATE INDEX group_members_by_user ON group_members (user_id);
CREATE INDEX group_members_by_subgroup ON group_members (subgroup_id);
CREATE INDEX group_members_held ON group_members (group_id) WHERE held;

DROP INDEX users_held_in_order;
DROP INDEX users_by_user_name;
DROP INDEX users_by_updated;
CREATE INDEX users_by_updated ON users (updated_at, id);
