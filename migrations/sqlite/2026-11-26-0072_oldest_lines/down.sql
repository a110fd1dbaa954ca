DROP INDEX long_tasks_by_end;
DROP INDEX sso_events_by_at;
