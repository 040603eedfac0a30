-- The share of a bucket's announced rate that its vendor has admitted between the last two discoveries of a refusal. Of
-- nothing admitted it is that of half a call.
create or replace function measured_share(l limits) returns double precision language sql immutable as $$
  select greatest(1e-9, greatest(l.refused_took, l.refused_cost / 2) / (l.refused_at - l.measured_from)
                        * l.period_ms * l.rate_share)
$$;
