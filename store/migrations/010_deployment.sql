-- Who calls: one random id for each database, made here and nowhere else, so that whatever process asks finds the same one,
-- and a row that is lost is missed and not replaced. Vendors may count calls by what is derived from it.
create table deployment (
  only_one boolean primary key default true check (only_one),
  id       uuid not null,
  made_at  timestamptz not null default clock_timestamp()
);
insert into deployment (id) values (gen_random_uuid());

-- Stretches in which a worker took work, so that it can be said for how long none did. Each worker extends the last one.
create table worker_presence (
  from_ms double precision primary key,
  to_ms   double precision not null
);
