ALTER TABLE orders ADD COLUMN total numeric;
UPDATE orders SET total = 0;
ALTER TABLE lines ADD COLUMN note text;
