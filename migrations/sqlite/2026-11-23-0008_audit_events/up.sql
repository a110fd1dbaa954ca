-- No foreign keys: the record outlives what it speaks of.
CREATE TABLE audit_events (
    id            TEXT PRIMARY KEY NOT NULL,
    at            TIMESTAMP NOT NULL,
    actor_kind    TEXT NOT NULL,
    actor_id      TEXT,
    actor_name    TEXT NOT NULL,
    action        TEXT NOT NULL,
    subject_kind  TEXT NOT NULL,
    subject_id    TEXT NOT NULL,
    subject_name  TEXT NOT NULL,
    changes       TEXT NOT NULL
);
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, id);
CREATE INDEX audit_events_by_subject_kind ON audit_events (subject_kind, id);
CREATE INDEX audit_events_by_actor ON audit_events (actor_kind, id);
CREATE INDEX audit_events_by_action ON audit_events (action, id);
CREATE INDEX audit_events_by_at ON audit_events (at);
