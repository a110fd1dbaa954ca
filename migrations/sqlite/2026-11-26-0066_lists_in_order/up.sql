-- A position far on in an order is found by stepping over entries of its index: with `seen` in it no row is looked at.
-- (That of creation has it already.)
DROP INDEX users_by_updated;
CREATE INDEX users_by_updated ON users (updated_at, id, seen);
CREATE INDEX users_by_user_name ON users (user_name_key, seen);

-- Few are held back: in the order in which they are shown.
CREATE INDEX users_held_in_order ON users (id) WHERE held_at IS NOT NULL;

-- The members of a group are read in the order in which they came, some at a time. Subgroups are few, so that the two
-- indexes of them become partial, and a member costs no more entries than before.
CREATE TABLE group_members_in_order (
    id           TEXT PRIMARY KEY NOT NULL,
    group_id     TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id      TEXT REFERENCES users (id) ON DELETE CASCADE,
    subgroup_id  TEXT REFERENCES user_groups (id) ON DELETE CASCADE,
    held         BOOLEAN NOT NULL,
    UNIQUE (group_id, user_id),
    CHECK ((user_id IS NULL) <> (subgroup_id IS NULL))
);
INSERT INTO group_members_in_order SELECT id, group_id, user_id, subgroup_id, held FROM group_members;
DROP TABLE group_members;
ALTER TABLE group_members_in_order RENAME TO group_members;
CREATE INDEX group_members_by_group ON group_members (group_id, id);
CREATE INDEX group_members_by_user ON group_members (user_id);
CREATE UNIQUE INDEX group_members_by_subgroup ON group_members (subgroup_id, group_id) WHERE subgroup_id IS NOT NULL;
CREATE INDEX group_members_held ON group_members (group_id) WHERE held;
