-- Stretches in which a worker took work, so that it can be said for how long none did. Each worker extends the last one.
create table worker_presence (
  from_ms double precision primary key,
  to_ms   double precision not null
);
