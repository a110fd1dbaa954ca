-- How many requests came in each hour, so that nobody counts a million events for a chart.
CREATE TABLE provisioning_hours (
    hour      TIMESTAMP PRIMARY KEY NOT NULL,
    requests  BIGINT NOT NULL,
    failures  BIGINT NOT NULL
);
INSERT INTO provisioning_hours
    SELECT strftime('%Y-%m-%d %H:00:00', at), count(*), count(*) FILTER (WHERE outcome IN ('failed', 'refused'))
    FROM provisioning_events GROUP BY 1;
