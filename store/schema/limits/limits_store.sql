create or replace function limits_store(changed limits[]) returns void language sql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
  update limits x set last_at = n.last_at, tat = n.tat, full_at = n.full_at, used = n.used, window_from = n.window_from,
    resets_at = n.resets_at, claim_rank = n.claim_rank, claim_until = n.claim_until,
    granted_calls = n.granted_calls, granted_units = n.granted_units, shadow_over = n.shadow_over
  from unnest(changed) n where x.id = n.id
$$;
