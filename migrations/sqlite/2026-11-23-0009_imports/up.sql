-- remarks, counts and seats are JSON: they are shown with the import, never searched.
CREATE TABLE imports (
    id             TEXT PRIMARY KEY NOT NULL,
    file_name      TEXT NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('faulty', 'validated', 'applied', 'discarded')),
    take_away      BOOLEAN NOT NULL,
    remarks        TEXT NOT NULL,
    row_count      INTEGER NOT NULL,
    fault_count    INTEGER NOT NULL,
    counts         TEXT NOT NULL,
    seats          TEXT NOT NULL,
    created_by     TEXT NOT NULL,
    created_at     TIMESTAMP NOT NULL,
    finished_at    TIMESTAMP
);

-- user_id and license_type_id are what the names meant at validation; either may be gone since, hence no reference.
CREATE TABLE import_rows (
    import_id        TEXT NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    number           INTEGER NOT NULL,
    user_name        TEXT NOT NULL,
    license          TEXT NOT NULL,
    step             TEXT NOT NULL,
    license_before   TEXT,
    fault            TEXT,
    remedy           TEXT,
    user_id          TEXT,
    license_type_id  TEXT,
    PRIMARY KEY (import_id, number)
);
