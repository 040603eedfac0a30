-- The limit with `units` booked at the departure `t`. The caller holds the row's lock and has called limit_ready_at.
create or replace function limit_charge(l limits, units double precision, rank smallint, t double precision, over boolean)
returns limits language plpgsql as $$
begin
  if l.kind = 'bucket' then
    if l.full_at <= t then
      l := limit_refill(l, t);
    elsif l.full_at is not null and not over then
      -- The vendor did not know of this one.
      l.full_at := l.full_at + units * l.period_ms;
    end if;
    -- A bucket that only watches refuses as a real one would, or it would run ahead without end.
    if units > 0 and not over then l.tat := greatest(l.tat, t) + units * l.period_ms; end if;
  elsif l.kind = 'rolling' then
    l.used := l.used + units;
  else
    if l.resets_at is not null and t >= l.resets_at then
      l.used := 0;
      l.resets_at := null;
      l.window_from := t;
    end if;
    l.used := l.used + units;
    if l.kind = 'calendar' and l.resets_at is null then
      l.resets_at := calendar_end(t, l.calendar_unit, l.zone);
    end if;
  end if;
  if units > 0 and (l.kind = 'rolling' or (l.kind = 'bucket' and not over)) then
    insert into limit_events (limit_id, at, units) values (l.id, t, units);
  end if;
  l.last_at := greatest(l.last_at, t);
  l.granted_calls := l.granted_calls + 1;
  l.granted_units := l.granted_units + units;
  if over then l.shadow_over := l.shadow_over + 1; end if;
  if l.claim_rank <= rank then l.claim_rank := 0; l.claim_until := 0; end if;
  return l;
end $$;
