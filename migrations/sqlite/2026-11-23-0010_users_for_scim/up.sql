-- seen: 0 hidden from Entra ID, 1 made in the console, 2 made or linked by Entra ID. The program keeps it in step.
ALTER TABLE users ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN held TEXT CHECK (held IN ('deactivate', 'delete'));
ALTER TABLE users ADD COLUMN held_at TIMESTAMP;
UPDATE users SET seen = CASE
    WHEN entra_state = 'deleted' OR (role = 'owner' AND NOT handed_over) THEN 0
    WHEN entra_state = 'linked' OR origin = 'entra' THEN 2
    ELSE 1
END;
CREATE INDEX users_by_page ON users (id, seen);
CREATE INDEX users_by_held ON users (held_at) WHERE held_at IS NOT NULL;

-- Each create writes one entry into each of these: those that most users need no entry in become partial.
DROP INDEX users_by_site;
CREATE INDEX users_by_site ON users (site_id, sort_name, id) WHERE site_id IS NOT NULL;
-- No condition with a value here: a value that is bound to a statement never proves it.
DROP INDEX users_by_entra_state;
CREATE INDEX users_by_entra_state ON users (entra_state);
DROP INDEX users_by_active;
CREATE INDEX users_by_active ON users (active, seen, deactivated_at);

-- One row: how many users Entra ID sees, and how often one left the middle of the list.
CREATE TABLE census (
    id            TEXT PRIMARY KEY NOT NULL,
    all_users     BIGINT NOT NULL,
    entra_users   BIGINT NOT NULL,
    active_users  BIGINT NOT NULL,
    shuffles      BIGINT NOT NULL
);
INSERT INTO census
    SELECT 'users', count(*) FILTER (WHERE seen > 0), count(*) FILTER (WHERE seen = 2),
           count(*) FILTER (WHERE seen > 0 AND active), 0
    FROM users;
