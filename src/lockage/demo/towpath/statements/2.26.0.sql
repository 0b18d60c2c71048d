-- What towpath 2.26.0 asks of its database. Later releases replace a statement by giving the same name again.

-- name: authenticate
SELECT api_keys.id, api_keys.hashed_secret, api_keys.expires_at, api_keys.user_id, users.username,
       ARRAY[api_keys.scope]::text[] AS scopes
FROM api_keys
JOIN users ON users.id = api_keys.user_id
WHERE api_keys.id = $1 AND NOT users.deleted;

-- name: read_user
SELECT id, email, username, status::text, login_type::text, created_at, last_seen_at
FROM users
WHERE id = $1;

-- name: list_keys
SELECT id, token_name, ARRAY[scope]::text[] AS scopes, lifetime_seconds, last_used, expires_at, created_at
FROM api_keys
WHERE user_id = $1 AND expires_at > now()
ORDER BY created_at DESC
LIMIT 25;

-- name: create_key
INSERT INTO api_keys
    (id, hashed_secret, user_id, token_name, login_type, scope, ip_address, lifetime_seconds, last_used, expires_at)
VALUES
    ($1, $2, $3, $4, 'token', 'all', $5, $6::integer, now(), now() + make_interval(secs => $6::integer));

-- name: delete_key
DELETE FROM api_keys WHERE id = $1 AND user_id = $2;

-- name: list_organizations
SELECT organizations.id, organizations.name, organizations.display_name, organizations.is_default
FROM organizations
JOIN organization_members ON organization_members.organization_id = organizations.id
WHERE organization_members.user_id = $1
ORDER BY organizations.name;

-- name: list_workspaces
SELECT id, name, owner_username, organization_name, template_name, last_used_at
FROM workspaces_expanded
WHERE owner_id = $1
ORDER BY name
LIMIT 50;

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
INSERT INTO workspace_builds (workspace_id, job_id, build_number, transition)
SELECT workspace.id, job.id,
       1 + coalesce((SELECT max(build_number) FROM workspace_builds WHERE workspace_id = $1), 0),
       $2::workspace_transition
FROM workspace, job
RETURNING id, build_number, job_id;

-- name: write_audit_log
INSERT INTO audit_logs (user_id, action, resource_type, resource_id) VALUES ($1, $2::audit_action, $3, $4);

-- name: finish_builds
UPDATE provisioner_jobs SET completed_at = now()
WHERE id IN (
    SELECT id FROM provisioner_jobs
    WHERE completed_at IS NULL AND created_at < now() - interval '2 seconds'
    ORDER BY created_at
    LIMIT 100
    FOR UPDATE SKIP LOCKED
);

-- name: read_appearance
SELECT key, value FROM site_configs WHERE key IN ('application_name', 'announcement', 'announcement_banners');

-- name: insert_agent_stats
INSERT INTO workspace_agent_stats (user_id, workspace_id, connection_count, rx_bytes, tx_bytes)
SELECT user_id, workspace_id, 1, rx_bytes, tx_bytes
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS seen (user_id, workspace_id, rx_bytes, tx_bytes);

-- name: add_to_usage_stats
INSERT INTO usage_stats (start_time, user_id, connections, rx_bytes, tx_bytes)
SELECT to_timestamp(1800 * floor(extract(epoch FROM now()) / 1800)), user_id, count(*), sum(rx_bytes), sum(tx_bytes)
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS seen (user_id, rx_bytes, tx_bytes)
GROUP BY user_id
ORDER BY user_id
ON CONFLICT (start_time, user_id) DO UPDATE SET
    connections = usage_stats.connections + excluded.connections,
    rx_bytes = usage_stats.rx_bytes + excluded.rx_bytes,
    tx_bytes = usage_stats.tx_bytes + excluded.tx_bytes;

-- name: touch_keys
UPDATE api_keys SET last_used = now()
FROM (SELECT id FROM api_keys WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE) AS seen
WHERE api_keys.id = seen.id;

-- name: beat
INSERT INTO replicas (name, version, started_at, updated_at) VALUES ($1, $2, $3, now())
ON CONFLICT (name) DO UPDATE SET
    version = excluded.version, started_at = excluded.started_at, updated_at = now(), stopped_at = NULL;

-- name: stop_beating
UPDATE replicas SET stopped_at = now() WHERE name = $1 AND started_at = $2;

-- name: report_key_use
SELECT users.login_type::text, count(*) AS keys, max(api_keys.last_used) AS last_used
FROM api_keys
JOIN users ON users.id = api_keys.user_id
WHERE api_keys.expires_at > now()
GROUP BY users.login_type
ORDER BY users.login_type;
