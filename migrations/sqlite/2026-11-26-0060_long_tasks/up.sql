-- Work on many rows that is done slice by slice: how far it is, and on whose authority. A slice moves `position` in the
-- transaction that changes the rows, so that no row is done twice, or half, whatever happens in between.
CREATE TABLE long_tasks (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    what        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'stopped', 'failed')),
    total       BIGINT NOT NULL,
    done        BIGINT NOT NULL,
    left_out    BIGINT NOT NULL,
    position    TEXT,
    actor_kind  TEXT NOT NULL,
    actor_id    TEXT,
    actor_name  TEXT NOT NULL,
    actor_role  TEXT NOT NULL,
    started_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL,
    ended_at    TIMESTAMP,
    fault       TEXT
);
-- One at a time for each thing.
CREATE UNIQUE INDEX long_tasks_running ON long_tasks (subject) WHERE state = 'running';
-- What is held back is gone through in the order in which it came.
CREATE INDEX users_by_hold ON users (held_no, id) WHERE held_no IS NOT NULL;
-- And of groups, without looking at every member of each.
CREATE INDEX group_members_held ON group_members (group_id) WHERE held;
