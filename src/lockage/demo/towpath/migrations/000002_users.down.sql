DROP TABLE users;
DROP TYPE login_type;
DROP TYPE user_status;
