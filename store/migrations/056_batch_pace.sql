-- How many calls in flight a batch's last page has found to be good, so that the next one need not find it anew. In a table
-- of its own: it is written every few seconds, and a batch's row is read every second.
create table batch_pace (
  batch_id    bigint primary key references batches on delete cascade,
  concurrency integer not null check (concurrency > 0),
  ended_well  boolean not null,          -- false while a page runs, and after one that was cut short
  at          timestamptz not null default clock_timestamp()
) with (fillfactor = 50);
