DROP INDEX idx_api_keys_created_at;
DROP INDEX idx_api_key_name;
DROP TRIGGER trigger_update_users ON users;
DROP TRIGGER trigger_insert_api_keys ON api_keys;
DROP FUNCTION delete_keys_of_deleted_user();
DROP FUNCTION insert_api_key_fail_if_user_deleted();
