DROP VIEW workspaces_expanded;
