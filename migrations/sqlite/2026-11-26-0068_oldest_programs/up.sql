-- The oldest version of the program that may still use the database once this migration has run, for those migrations
-- that an older program can live with. A program that meets a migration which it does not know looks here, and refuses
-- the database where nothing allows it.
CREATE TABLE oldest_programs (
    migration TEXT NOT NULL PRIMARY KEY,
    program   TEXT NOT NULL
);
-- A table that older programs do not look at is nothing to them.
INSERT INTO oldest_programs (migration, program) VALUES ('202611260068', '0.1.0');
