-- Since 2.26.6: keys that expired long ago are deleted in the background. Times travel as text, for '-infinity' is one of them.

-- name: expired_keys_remain
SELECT EXISTS (SELECT FROM api_keys WHERE expires_at < now() - interval '7 days');

-- name: take_purge_turn
SELECT purged_until::text, coalesce(finished_at > now() - interval '30 seconds', false) AS just_finished
FROM purge_progress
WHERE table_name = 'api_keys'
FOR UPDATE SKIP LOCKED;

-- name: purge_keys
WITH expired AS (
    SELECT id, expires_at FROM api_keys
    WHERE expires_at >= $1::timestamptz AND expires_at < now() - interval '7 days'
    ORDER BY expires_at
    LIMIT $2
), gone AS (
    DELETE FROM api_keys WHERE id IN (SELECT id FROM expired) RETURNING expires_at
)
SELECT count(*) AS purged_rows, coalesce(max(expires_at), '-infinity')::text AS purged_until FROM gone;

-- name: note_purge
UPDATE purge_progress
SET purged_until = $1::timestamptz, purged_rows = purge_progress.purged_rows + $2, finished_at = NULL
WHERE table_name = 'api_keys';

-- name: finish_purge
UPDATE purge_progress SET purged_until = '-infinity', finished_at = now() WHERE table_name = 'api_keys';
