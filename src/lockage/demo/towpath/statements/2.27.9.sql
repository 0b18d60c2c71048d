-- Since 2.27.9: notifications in the web interface.

-- name: list_notifications
SELECT id, title, content, created_at
FROM notification_inbox
WHERE user_id = $1 AND read_at IS NULL
ORDER BY created_at DESC
LIMIT 25;
