create or replace function now_ms() returns double precision language sql volatile
as $$ select extract(epoch from clock_timestamp())::double precision * 1000 $$;
