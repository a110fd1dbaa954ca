INSERT INTO retired_scim_ids (scim_id, user_name, reason, retired_by, retired_at)
SELECT scim_id, name, 'deleted', retired_by, retired_at FROM retired_group_ids;
DROP TABLE retired_group_ids;
