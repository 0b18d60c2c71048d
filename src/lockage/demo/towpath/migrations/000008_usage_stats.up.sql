CREATE TABLE workspace_agent_stats (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    user_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    connection_count bigint NOT NULL DEFAULT 0,
    rx_bytes bigint NOT NULL DEFAULT 0,
    tx_bytes bigint NOT NULL DEFAULT 0
);

CREATE INDEX idx_agent_stats_created_at ON workspace_agent_stats USING brin (created_at);

CREATE TABLE usage_stats (
    start_time timestamp with time zone NOT NULL,
    user_id uuid NOT NULL,
    connections bigint NOT NULL DEFAULT 0,
    rx_bytes bigint NOT NULL DEFAULT 0,
    tx_bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (start_time, user_id)
);

COMMENT ON TABLE usage_stats IS 'workspace_agent_stats in buckets of half an hour.';
