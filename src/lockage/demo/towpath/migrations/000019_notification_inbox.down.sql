ALTER TABLE templates DROP COLUMN icon;
DROP TABLE notification_inbox;
