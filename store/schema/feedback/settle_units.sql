-- Books the difference between an estimate and what a call really cost. `delta` may be negative.
create or replace function settle_units(p_key text, delta double precision, granted_at double precision,
                             p_now double precision default null)
returns void language plpgsql as $$
declare
  l limits;
  t double precision;
begin
  select * into l from limits where key = p_key for update;
  if l.key is null or delta = 0 then return; end if;
  t := coalesce(p_now, now_ms());
  if l.kind = 'bucket' then
    -- Without its charges of that time a refund is not known to be right; and of a bucket that a refusal has shown to be
    -- empty nothing comes back, nor does a wait that the vendor has stated become shorter.
    if delta < 0 and granted_at <= greatest(t - bucket_memory_ms(l), l.emptied_at) then return; end if;
    insert into limit_events (limit_id, at, units) values (l.id, granted_at, delta);
    -- A refund cannot reach what was charged after the bucket had run empty in between.
    l.tat := greatest(l.tat + delta * l.period_ms, bucket_full_at(l, granted_at));
    if delta > 0 then l.full_at := l.full_at + delta * l.period_ms; end if;
  elsif l.kind = 'rolling' then
    -- Charged where the call was: the window must lose it when the call leaves it.
    if granted_at <= t - l.period_ms - l.slack_ms then return; end if;
    insert into limit_events (limit_id, at, units) values (l.id, granted_at, delta);
    l.used := l.used + delta;
  elsif granted_at >= l.window_from and (l.resets_at is null or t < l.resets_at) then
    l.used := greatest(0, l.used + delta);
  else
    return;
  end if;
  l.granted_units := l.granted_units + delta;
  perform limits_store(array[l]);
end $$;
