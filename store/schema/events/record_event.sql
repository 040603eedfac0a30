-- Stores an event from within a function. Its kind and fields stand in the catalogue, quota/events.ts.
create or replace function record_event(kind text, pool text, data jsonb) returns void language sql as $$
  insert into events (kind, pool, data) values (kind, pool, data)
$$;
