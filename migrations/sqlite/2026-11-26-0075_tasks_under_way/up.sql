-- What is under way is asked for with every request: whether the session that it comes by is about to end.
CREATE INDEX long_tasks_under_way ON long_tasks (id) WHERE ended_at IS NULL;
-- An index more is nothing to older programs.
INSERT INTO oldest_programs (migration, program) VALUES ('202611260075', '0.1.0');
