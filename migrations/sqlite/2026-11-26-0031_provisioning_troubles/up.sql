-- What fails and has not gone well since: one row for each person, group or request and each kind of failure.
CREATE TABLE provisioning_troubles (
    id        TEXT PRIMARY KEY NOT NULL,
    thing     TEXT NOT NULL,
    kind      TEXT NOT NULL,
    cause     TEXT NOT NULL,
    sentence  TEXT NOT NULL,
    error     TEXT NOT NULL,
    remedy    TEXT,
    subject   TEXT,
    attempts  BIGINT NOT NULL,
    first_at  TIMESTAMP NOT NULL,
    last_at   TIMESTAMP NOT NULL,
    UNIQUE (thing, cause)
);
-- Counted by cause without looking at the rows.
CREATE INDEX provisioning_troubles_by_cause ON provisioning_troubles (cause, kind, last_at, attempts);
CREATE INDEX provisioning_troubles_by_last_at ON provisioning_troubles (last_at);
