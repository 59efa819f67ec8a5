DROP TABLE IF EXISTS notification_alerts;
DROP TABLE IF EXISTS notification_messages;
DROP TABLE IF EXISTS notification_recipients;
DROP TABLE IF EXISTS automation_entries;
DROP TABLE IF EXISTS automation_rules;
