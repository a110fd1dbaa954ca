DROP TABLE oldest_programs;
