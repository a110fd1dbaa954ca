-- What is kept for so many days goes from its oldest line on: the other two logs have this index already.
CREATE INDEX sso_events_by_at ON sso_events (at);
CREATE INDEX long_tasks_by_end ON long_tasks (ended_at) WHERE ended_at IS NOT NULL;
