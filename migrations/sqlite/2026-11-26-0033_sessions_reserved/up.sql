-- A session that somebody may begin stands among the sessions from the moment at which it was decided, so that whatever
-- ends sessions ends it as well. A sign-in that waits for the person's word is one of them, and goes with it.
ALTER TABLE sessions ADD COLUMN reserved_until TIMESTAMP;
CREATE INDEX sessions_by_reservation ON sessions (reserved_until) WHERE reserved_until IS NOT NULL;

-- Those that wait now wait for five minutes at the most: the person signs in once more.
DROP TABLE pending_sign_ins;
CREATE TABLE pending_sign_ins (
    id          TEXT PRIMARY KEY NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    arrival     TEXT NOT NULL,
    expires_at  TIMESTAMP NOT NULL
);
CREATE INDEX pending_sign_ins_by_expiry ON pending_sign_ins (expires_at);
CREATE INDEX pending_sign_ins_by_user ON pending_sign_ins (user_id);
