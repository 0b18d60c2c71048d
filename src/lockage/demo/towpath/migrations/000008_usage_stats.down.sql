DROP TABLE usage_stats;
DROP TABLE workspace_agent_stats;
