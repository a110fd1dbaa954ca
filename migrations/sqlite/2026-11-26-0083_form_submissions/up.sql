-- What came of a form, by a digest of all that was sent: sent twice, it does what it does once.
CREATE TABLE form_submissions (
    id TEXT PRIMARY KEY NOT NULL,
    -- Where it led and what was said there, as JSON.
    outcome TEXT NOT NULL,
    submitted_at TIMESTAMP NOT NULL
) WITHOUT ROWID;
CREATE INDEX form_submissions_by_time ON form_submissions (submitted_at);
-- Programs before this one know nothing of it, and need not.
INSERT INTO oldest_programs (migration, program) VALUES ('202611260083', '0.1.0');
