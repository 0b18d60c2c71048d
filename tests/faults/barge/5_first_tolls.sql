insert into tolls (barge_id, cents) select id, 100 from barges;
