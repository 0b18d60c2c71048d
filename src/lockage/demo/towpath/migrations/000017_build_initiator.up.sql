CREATE TYPE build_reason AS ENUM ('initiator', 'autostart', 'autostop');

ALTER TABLE workspace_builds ADD COLUMN reason build_reason NOT NULL DEFAULT 'initiator';
ALTER TABLE workspace_builds ADD COLUMN initiator_id uuid;
ALTER TABLE workspace_builds
    ADD CONSTRAINT workspace_builds_initiator_fkey FOREIGN KEY (initiator_id) REFERENCES users (id) ON DELETE SET NULL;

CREATE INDEX idx_workspace_builds_initiator ON workspace_builds (initiator_id);
