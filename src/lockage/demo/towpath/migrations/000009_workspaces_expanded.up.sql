CREATE VIEW workspaces_expanded AS
SELECT
    workspaces.id,
    workspaces.name,
    workspaces.owner_id,
    workspaces.organization_id,
    workspaces.last_used_at,
    users.username AS owner_username,
    organizations.name AS organization_name,
    templates.name AS template_name
FROM workspaces
JOIN users ON users.id = workspaces.owner_id
JOIN organizations ON organizations.id = workspaces.organization_id
JOIN templates ON templates.id = workspaces.template_id
WHERE NOT workspaces.deleted;

COMMENT ON VIEW workspaces_expanded IS 'Workspaces with the names of what they belong to.';
