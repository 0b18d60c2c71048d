-- Fills a freshly migrated database of release 2.26.0. Parameters: rows of api_keys, live rows, users, workspaces.
-- Numbers become ids and secrets as in identities.py. Cost: some twenty microseconds a key.

-- name: create_organizations
INSERT INTO organizations (name, display_name, is_default)
VALUES ('default', 'Default', true), ('research', 'Research', false), ('operations', 'Operations', false);

-- name: create_users
INSERT INTO users (id, email, username, login_type, last_seen_at, created_at)
SELECT md5('towpath-user-' || number)::uuid, 'user' || number || '@towpath.example', 'user' || number,
       (ARRAY['password', 'github', 'oidc'])[1 + number % 3]::login_type,
       now() - number * interval '1 hour', now() - interval '2 years'
FROM generate_series(0, $1::integer - 1) AS number;

-- name: create_members
INSERT INTO organization_members (organization_id, user_id)
SELECT organizations.id, users.id FROM organizations CROSS JOIN users;

-- name: create_templates
INSERT INTO templates (organization_id, name, description)
SELECT organizations.id, kind, 'A workspace for ' || kind
FROM organizations CROSS JOIN unnest(ARRAY['python', 'go', 'data', 'docs']) AS kind;

-- name: create_workspaces
INSERT INTO workspaces (id, owner_id, organization_id, template_id, name, last_used_at, created_at)
SELECT md5('towpath-workspace-' || number)::uuid, md5('towpath-user-' || number % $2::integer)::uuid,
       template.organization_id, template.id, 'workspace-' || number,
       now() - number % 90 * interval '1 day', now() - interval '1 year'
FROM generate_series(0, $1::integer - 1) AS number
JOIN (
    SELECT id, organization_id, row_number() OVER (ORDER BY organization_id, name) - 1 AS position, count(*) OVER () AS total
    FROM templates
) AS template ON template.position = number % template.total;

-- name: create_keys
INSERT INTO api_keys
    (id, hashed_secret, user_id, token_name, login_type, scope, ip_address, lifetime_seconds, last_used, expires_at,
     created_at, updated_at)
SELECT left(md5('towpath-' || kind || '-key-' || number), 16),
       sha256(convert_to(md5('towpath-' || kind || '-secret-' || number), 'UTF8')),
       md5('towpath-user-' || number % $3::integer)::uuid, '', 'password', 'all',
       inet '10.0.0.0' + (number % 16777216), 86400,
       expires_at - interval '12 hours', expires_at, expires_at - interval '1 day', expires_at - interval '12 hours'
FROM (
    SELECT number, 'live' AS kind, now() + interval '2 days' + number % 28 * interval '1 day' AS expires_at
    FROM generate_series(0, $2::integer - 1) AS number
    UNION ALL
    SELECT number, 'expired', now() - interval '9 days' - number * interval '30 seconds'
    FROM generate_series(0, $1::integer - $2::integer - 1) AS number
) AS key
-- Live and expired ones lie side by side on disk, as years of use leave them.
ORDER BY md5(number::text);
