alter table limits
  -- The first of the refusals since which hardly a call was admitted; 0 for none.
  add column starved_from double precision not null default 0,
  -- The refusal from which on the rate is measured: the last but one, or where a time without calls began.
  add column measured_from double precision not null default 0;
