-- Permits of programs outside, from the grant until their outcome has been reported. The row is written in the statement
-- that grants, so that each process can take the outcome, and none that never comes is forgotten.
create table outside_permits (
  id                 text primary key,          -- random: whoever knows it may report
  pool               text,                      -- null: no pool governs the call (a login)
  terms              jsonb not null,            -- account, operation, attributes, tokens, priority, caller
  depart_at          double precision not null, -- epoch ms, as all times here
  expires_at         double precision not null,
  epoch              bigint not null,
  organization_epoch bigint not null,
  probe              boolean not null,
  failures           integer not null,
  claimed_at         double precision,          -- somebody applies the outcome since
  digest             text,                      -- of the outcome that was reported
  answer             jsonb,                     -- what was said of it, to be said again
  told_at            double precision           -- that no outcome came was reported
) with (fillfactor = 60);
create index outside_permits_expiry on outside_permits (expires_at);
