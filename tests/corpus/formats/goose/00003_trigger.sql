-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.state := lower(NEW.state);
    RETURN NEW;
END;
$body$;
-- +goose StatementEnd
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();

-- +goose Down
DROP TABLE nothing_of_this_is_run;
