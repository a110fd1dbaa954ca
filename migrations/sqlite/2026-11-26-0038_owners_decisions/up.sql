-- Whether a person here deactivated the account: where it has a role, Entra ID does not undo that.
ALTER TABLE users ADD COLUMN deactivated_by_hand BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE users SET deactivated_by_hand = TRUE
WHERE role <> 'none' AND NOT active
  AND (SELECT actor_kind FROM audit_events
       WHERE subject_id = users.id AND action = 'user.deactivated' ORDER BY id DESC LIMIT 1) <> 'entra';

-- Nothing that Entra ID asked for waits on an account that an owner protected from it.
UPDATE users SET held = NULL, held_at = NULL, held_name = NULL, held_name_key = NULL
WHERE role = 'owner' AND NOT handed_over;
