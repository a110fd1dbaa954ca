CREATE TABLE imports (
    id             TEXT PRIMARY KEY NOT NULL,
    file_name      TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('faulty', 'validated', 'applied', 'discarded')),
    take_away      BOOLEAN NOT NULL,
    remarks        TEXT NOT NULL,
    row_count      INTEGER NOT NULL,
    fault_count    INTEGER NOT NULL,
    created_by     TEXT NOT NULL,
    created_at     TIMESTAMP NOT NULL,
    finished_at    TIMESTAMP
);
CREATE INDEX imports_by_created ON imports (created_at);

CREATE TABLE import_rows (
    id             TEXT PRIMARY KEY NOT NULL,
    import_id      TEXT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    number         INTEGER NOT NULL,
    user_name      TEXT NOT NULL,
    license        TEXT NOT NULL,
    step           TEXT NOT NULL,
    license_before TEXT,
    fault          TEXT,
    remedy         TEXT,
    UNIQUE (import_id, number)
);
