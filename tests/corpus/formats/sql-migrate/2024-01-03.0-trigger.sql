-- +migrate Up
-- +migrate StatementBegin
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.state := lower(NEW.state);
    RETURN NEW;
END;
$body$;
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
-- +migrate StatementEnd

-- +migrate Down
DROP TABLE nothing_of_this_is_run;
