DROP TABLE guard_arrivals;
