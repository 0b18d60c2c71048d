-- Since 2.27.8: a key has a list of scopes and a list of the resources that it is good for; a build has an initiator.

-- name: authenticate
SELECT api_keys.id, api_keys.hashed_secret, api_keys.expires_at, api_keys.user_id, users.username,
       api_keys.scopes::text[] AS scopes
FROM api_keys
JOIN users ON users.id = api_keys.user_id
WHERE api_keys.id = $1 AND NOT users.deleted;

-- name: list_keys
SELECT id, token_name, scopes::text[] AS scopes, lifetime_seconds, last_used, expires_at, created_at
FROM api_keys
WHERE user_id = $1 AND expires_at > now()
ORDER BY created_at DESC
LIMIT 25;

-- name: create_key
INSERT INTO api_keys
    (id, hashed_secret, user_id, token_name, login_type, scopes, allow_list, ip_address, lifetime_seconds, last_used,
     expires_at)
VALUES
    ($1, $2, $3, $4, 'token', '{all}', '{*:*}', $5, $6::bigint, now(), now() + make_interval(secs => $6::bigint));

-- name: create_build
WITH workspace AS (
    UPDATE workspaces SET last_used_at = now()
    WHERE id = $1 AND NOT deleted AND EXISTS (
        SELECT FROM organization_members
        WHERE organization_members.organization_id = workspaces.organization_id AND user_id = $3
    )
    RETURNING id, organization_id
), job AS (
    INSERT INTO provisioner_jobs (organization_id, started_at)
    SELECT organization_id, now() FROM workspace
    RETURNING id
)
INSERT INTO workspace_builds (workspace_id, job_id, build_number, transition, initiator_id)
SELECT workspace.id, job.id,
       1 + coalesce((SELECT max(build_number) FROM workspace_builds WHERE workspace_id = $1), 0),
       $2::workspace_transition,
       $3
FROM workspace, job
RETURNING id, build_number, job_id;

-- name: list_workspaces
SELECT id, name, owner_username, organization_name, template_name, last_used_at, favorite
FROM workspaces_expanded
WHERE owner_id = $1
ORDER BY favorite DESC, name
LIMIT 50;
