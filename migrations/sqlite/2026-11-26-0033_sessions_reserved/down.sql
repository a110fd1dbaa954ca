DROP TABLE pending_sign_ins;
CREATE TABLE pending_sign_ins (
    id          TEXT PRIMARY KEY NOT NULL,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    arrival     TEXT NOT NULL,
    expires_at  TIMESTAMP NOT NULL
);
CREATE INDEX pending_sign_ins_by_expiry ON pending_sign_ins (expires_at);
CREATE INDEX pending_sign_ins_by_user ON pending_sign_ins (user_id);
DELETE FROM sessions WHERE reserved_until IS NOT NULL;
DROP INDEX sessions_by_reservation;
ALTER TABLE sessions DROP COLUMN reserved_until;
