-- What is learned of a bucket whose vendor refuses what it had announced, or says itself when it is full again.
alter table limits
  add column full_at      double precision,            -- the vendor's word on when all of it is free again; null: none
  add column sized_at     double precision not null default 0,  -- when the vendor last announced another size
  add column refused_at   double precision not null default 0,  -- the last discovery: a refusal of a call not on the way before
  add column emptied_at   double precision not null default 0,  -- the last refusal: what was charged before it is not refunded
  add column refused_from double precision not null default 0,  -- the discovery before
  add column refused_took double precision,            -- units admitted between the two; null: not measured
  add column refused_mark double precision not null default 0,  -- granted_units at the last discovery
  add column refused_cost double precision not null default 1,  -- units of the call that was refused
  add column rate_floor   double precision not null default 0,  -- the last discovery lowers rate_share no further
  add column rate_ramp    boolean not null default false,       -- the rate is a guess, which grows fast while it is admitted
  add column rate_raises  integer not null default 0;           -- since the last discovery
