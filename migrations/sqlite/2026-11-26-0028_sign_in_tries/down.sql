DROP TABLE sign_in_devices;
DROP TABLE sign_in_guesses;
DROP TABLE sign_in_failures;
CREATE TABLE sign_in_failures (
    subject       TEXT PRIMARY KEY NOT NULL,
    failures      INTEGER NOT NULL,
    last_at       TIMESTAMP NOT NULL,
    locked_until  TIMESTAMP
);
CREATE INDEX sign_in_failures_by_last_at ON sign_in_failures (last_at);
