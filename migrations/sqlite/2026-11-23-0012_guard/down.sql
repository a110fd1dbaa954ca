DROP TABLE guard_tally;
