-- The tables and columns of Coder that its profile's queries read, as publicly documented for releases of mid-2026; nothing more.
CREATE TYPE provisioner_job_status AS ENUM ('pending', 'running', 'succeeded', 'canceling', 'canceled', 'failed', 'unknown');
CREATE TYPE provisioner_job_type AS ENUM ('template_version_import', 'workspace_build', 'template_version_dry_run');
CREATE TYPE workspace_transition AS ENUM ('start', 'stop', 'delete');
CREATE TYPE build_reason AS ENUM ('initiator', 'autostart', 'autostop', 'dormancy', 'autodelete');

CREATE TABLE replicas (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz NOT NULL DEFAULT now(),
    stopped_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    hostname text NOT NULL,
    region_id integer NOT NULL DEFAULT 0,
    relay_address text NOT NULL DEFAULT '',
    database_latency integer NOT NULL DEFAULT 0,
    version text NOT NULL,
    error text NOT NULL DEFAULT '',
    "primary" boolean NOT NULL DEFAULT true
);
CREATE TABLE provisioner_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz,
    type provisioner_job_type NOT NULL DEFAULT 'workspace_build',
    job_status provisioner_job_status NOT NULL
);
CREATE TABLE workspace_builds (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_id uuid NOT NULL,
    transition workspace_transition NOT NULL DEFAULT 'start',
    reason build_reason NOT NULL DEFAULT 'initiator',
    daily_cost integer NOT NULL DEFAULT 0
);
CREATE TABLE workspace_resources (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    daily_cost integer NOT NULL DEFAULT 0
);
CREATE TABLE workspaces (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    deleted boolean NOT NULL DEFAULT false,
    autostart_schedule text,
    dormant_at timestamptz
);
CREATE TABLE provisioner_daemons (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    replica_id uuid,
    last_seen_at timestamptz,
    version text NOT NULL DEFAULT ''
);
CREATE TABLE external_auth_links (
    provider_id text NOT NULL,
    user_id uuid NOT NULL
);
CREATE TABLE workspace_agent_stats (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL,
    user_id uuid NOT NULL,
    connection_count bigint NOT NULL DEFAULT 0
);
CREATE TABLE template_usage_stats (
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    template_id uuid NOT NULL,
    user_id uuid NOT NULL,
    usage_mins smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (start_time, template_id, user_id)
);
