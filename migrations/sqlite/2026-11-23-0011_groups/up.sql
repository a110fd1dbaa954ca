-- The name is `user_groups` because GROUPS is a reserved word in SQL.
CREATE TABLE user_groups (
    id            TEXT PRIMARY KEY NOT NULL,
    scim_id       TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    name_key      TEXT NOT NULL UNIQUE,
    external_id   TEXT,
    linked        BOOLEAN NOT NULL,
    held_at       TIMESTAMP,
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL,
    version       INTEGER NOT NULL
);
CREATE INDEX user_groups_by_external_id ON user_groups (external_id);
CREATE INDEX user_groups_by_updated ON user_groups (updated_at);

-- held: Entra ID took the member away, and an administrator has not looked at it yet.
CREATE TABLE group_members (
    id           TEXT PRIMARY KEY NOT NULL,
    group_id     TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id      TEXT REFERENCES users (id) ON DELETE CASCADE,
    subgroup_id  TEXT REFERENCES user_groups (id) ON DELETE CASCADE,
    held         BOOLEAN NOT NULL,
    UNIQUE (group_id, user_id),
    UNIQUE (group_id, subgroup_id),
    CHECK ((user_id IS NULL) <> (subgroup_id IS NULL))
);
CREATE INDEX group_members_by_user ON group_members (user_id);
CREATE INDEX group_members_by_subgroup ON group_members (subgroup_id);
