-- Two sections: each is a transaction.
-- migrate:up
ALTER TABLE orders ADD COLUMN total numeric;
UPDATE orders SET total = 0;
ALTER TABLE lines ADD COLUMN note text;

-- migrate:down
DROP TABLE nothing_of_this_is_run;

-- migrate:up
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.state := lower(NEW.state);
    RETURN NEW;
END;
$body$;
CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();

-- migrate:down
DROP TABLE nothing_of_this_is_run;
