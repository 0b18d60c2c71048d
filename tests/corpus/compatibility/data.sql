insert into customers (email, name, credit)
select 'c' || n || '@example.org', 'customer ' || n, n from generate_series(1, 50) as n;
insert into orders (customer_id, status, total, note, tags, payload, quantity)
select 1 + n % 50, (array['new', 'paid', 'shipped']::state[])[1 + n % 3], n, 'note ' || n, array['a', 'b'],
       jsonb_build_object('n', n), n
  from generate_series(1, 200) as n;
insert into items (order_id, position, sku, price) select n, 1, 'sku-' || n, n from generate_series(1, 200) as n;
insert into sessions (customer_id, expires_at, data) select n, now() + interval '1 day', '\x01' from generate_series(1, 20) as n;
insert into settings values ('color', 'blue'), ('size', 'large');
insert into events (id, at, kind) values (1, '2025-06-01', 'login'), (2, '2026-06-01', 'login');
insert into jobs (queue, body) select 'mail', '{"to": 1}' from generate_series(1, 10);
insert into contacts (mail, method, flags, weight) select 'c' || n || '@example.org', 'phone', b'0101', n from generate_series(1, 10) as n;
insert into archive.orders select n, n from generate_series(1, 10) as n;
analyze;
