DROP INDEX group_members_held;
DROP INDEX users_by_hold;
DROP TABLE long_tasks;
