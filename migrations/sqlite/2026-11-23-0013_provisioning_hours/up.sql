-- How many requests came in each hour, so that nobody counts a million events for a chart.
CREATE TABLE provisioning_hours (
    hour      TIMESTAMP PRIMARY KEY NOT NULL,
    requests  BIGINT NOT NULL,
    failures  BIGINT NOT NULL
);
INSERT INTO provisioning_hours
    SELECT strftime('%Y-%m-%d %H:00:00', at), count(*), count(*) FILTER (WHERE outcome IN ('failed', 'refused'))
    FROM provisioning_events GROUP BY 1;

-- Only requests that change a user name the user: reads, by far the most, need no entry.
DROP INDEX provisioning_events_by_user;
CREATE INDEX provisioning_events_by_user ON provisioning_events (user_id, id) WHERE user_id IS NOT NULL;
