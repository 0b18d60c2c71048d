CREATE TYPE audit_action AS ENUM ('create', 'write', 'delete', 'start', 'stop', 'login');

CREATE TABLE audit_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    "time" timestamp with time zone NOT NULL DEFAULT now(),
    user_id uuid NOT NULL,
    organization_id uuid,
    action audit_action NOT NULL,
    resource_type text NOT NULL,
    resource_id uuid,
    diff jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX idx_audit_logs_time_desc ON audit_logs ("time" DESC);
CREATE INDEX idx_audit_log_user ON audit_logs (user_id);

ALTER TYPE audit_action ADD VALUE IF NOT EXISTS 'logout';
