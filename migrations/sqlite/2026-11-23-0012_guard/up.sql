-- How many people Entra ID asked to take away, by the minute.
CREATE TABLE guard_tally (
    minute  TIMESTAMP PRIMARY KEY NOT NULL,
    people  BIGINT NOT NULL
);
