-- A list of users from Entra ID, compared with ours.
CREATE TABLE alignments (
    id          TEXT PRIMARY KEY NOT NULL,
    file_name   TEXT NOT NULL,
    remarks     TEXT NOT NULL,
    row_count   INTEGER NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  TIMESTAMP NOT NULL
);

-- user_id is whom the name meant when the lists were compared; the account may be gone since, hence no reference.
CREATE TABLE alignment_rows (
    alignment_id  TEXT NOT NULL REFERENCES alignments (id) ON DELETE CASCADE,
    number        INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    user_id       TEXT,
    user_name     TEXT,
    standing      TEXT NOT NULL,
    entra_name    TEXT,
    entra_id      TEXT,
    name          TEXT NOT NULL,
    reason        TEXT NOT NULL,
    warning       TEXT,
    state         TEXT NOT NULL CHECK (state IN ('open', 'accepted', 'undone', 'stale')),
    note          TEXT,
    PRIMARY KEY (alignment_id, number)
);
CREATE INDEX alignment_rows_by_kind ON alignment_rows (alignment_id, kind, number);
