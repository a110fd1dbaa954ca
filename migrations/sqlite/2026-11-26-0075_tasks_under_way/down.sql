DELETE FROM oldest_programs WHERE migration = '202611260075';
DROP INDEX long_tasks_under_way;
