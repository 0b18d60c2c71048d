CREATE TYPE job_status AS ENUM ('pending', 'running', 'succeeded', 'canceled', 'failed');
CREATE TYPE workspace_transition AS ENUM ('start', 'stop', 'delete');

CREATE TABLE provisioner_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    error text,
    job_status job_status NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN completed_at IS NOT NULL AND error IS NOT NULL THEN 'failed'::job_status
            WHEN completed_at IS NOT NULL THEN 'succeeded'::job_status
            WHEN started_at IS NOT NULL THEN 'running'::job_status
            ELSE 'pending'::job_status
        END
    ) STORED
);

CREATE INDEX idx_provisioner_jobs_open ON provisioner_jobs (created_at) WHERE completed_at IS NULL;

CREATE TABLE workspace_builds (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    job_id uuid NOT NULL REFERENCES provisioner_jobs (id) ON DELETE CASCADE,
    build_number integer NOT NULL,
    transition workspace_transition NOT NULL DEFAULT 'start',
    daily_cost integer NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, build_number),
    UNIQUE (job_id)
);
