-- Since when statements are counted, and how often the server threw some away to make room. {view}: pg_stat_statements_info, where
-- the extension is (since PostgreSQL 14). Privilege: none; cheap.
select stats_reset as since, dealloc as thrown_away, extract(epoch from clock_timestamp() - stats_reset)::float8 as counted_s
  from {view}
