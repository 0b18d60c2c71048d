-- A key for a deleted user would let that user in again.
CREATE FUNCTION insert_api_key_fail_if_user_deleted() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF EXISTS (SELECT FROM users WHERE id = NEW.user_id AND deleted) THEN
        RAISE EXCEPTION 'cannot create an API key for the deleted user %', NEW.user_id;
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER trigger_insert_api_keys
    BEFORE INSERT ON api_keys
    FOR EACH ROW EXECUTE FUNCTION insert_api_key_fail_if_user_deleted();

CREATE FUNCTION delete_keys_of_deleted_user() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.deleted AND NOT OLD.deleted THEN
        DELETE FROM api_keys WHERE user_id = NEW.id;
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER trigger_update_users
    AFTER UPDATE OF deleted ON users
    FOR EACH ROW EXECUTE FUNCTION delete_keys_of_deleted_user();

CREATE UNIQUE INDEX idx_api_key_name ON api_keys (user_id, token_name) WHERE login_type = 'token';
CREATE INDEX idx_api_keys_created_at ON api_keys (created_at);
