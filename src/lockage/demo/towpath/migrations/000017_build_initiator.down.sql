ALTER TABLE workspace_builds DROP COLUMN initiator_id;
ALTER TABLE workspace_builds DROP COLUMN reason;
DROP TYPE build_reason;
