-- Nothing here is known to the release before: a new table with an index of its own, and a column that may be null.
CREATE TABLE notification_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL,
    title text NOT NULL,
    content text NOT NULL DEFAULT '',
    read_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE INDEX idx_notification_inbox_unread ON notification_inbox (user_id, created_at DESC) WHERE read_at IS NULL;

ALTER TABLE templates ADD COLUMN icon text;
