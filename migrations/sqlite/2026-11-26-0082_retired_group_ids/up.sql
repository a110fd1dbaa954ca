-- SCIM ids of groups that are gone for good. They stood among those of users, told apart by nothing.
CREATE TABLE retired_group_ids (
    scim_id     TEXT PRIMARY KEY NOT NULL,
    name        TEXT NOT NULL,
    retired_by  TEXT NOT NULL,
    retired_at  TIMESTAMP NOT NULL
);

-- The entry of a deleted user names the id and is kept for good, and so is that of a deleted group. One id of which
-- neither entry tells stays where it is.
INSERT INTO retired_group_ids (scim_id, name, retired_by, retired_at)
SELECT scim_id, user_name, retired_by, retired_at
FROM retired_scim_ids
WHERE reason = 'deleted'
  AND scim_id NOT IN (
      SELECT json_extract(change.value, '$.before')
      FROM audit_events, json_each(audit_events.changes) AS change
      WHERE action = 'user.deleted' AND json_extract(change.value, '$.attribute') = 'SCIM id'
        AND json_extract(change.value, '$.before') IS NOT NULL
  )
  AND user_name IN (
      SELECT subject_name FROM audit_events WHERE action = 'group.deleted'
      UNION SELECT name FROM user_groups
  );
DELETE FROM retired_scim_ids WHERE scim_id IN (SELECT scim_id FROM retired_group_ids);
