-- How many of those who are counted came in which minute: who came only lately is a sum too. A count of them one by one
-- would cost each leaver more than the one before.
CREATE TABLE guard_arrivals (
    loss    TEXT NOT NULL,
    minute  TIMESTAMP NOT NULL,
    people  BIGINT NOT NULL,
    PRIMARY KEY (loss, minute)
);
INSERT INTO guard_arrivals
    SELECT loss, substr(came_at, 1, 17) || '00', count(*) FROM guard_people
    WHERE at > '1971-01-01' AND came_at > '1971-01-01' GROUP BY loss, substr(came_at, 1, 17);
