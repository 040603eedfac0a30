-- A limit whose times lie in the future (limit_ahead), with all of them put back by as much, as if no time had passed
-- since its latest departure: nothing is waited out, and nothing is let through again. What it says of its level stays.
-- The caller holds the row's lock and stores it; an event reports it.
create or replace function limit_mended(l limits, t double precision) returns limits language plpgsql as $$
declare
  ahead double precision := greatest(0, l.last_at - t);
begin
  perform record_event('limit.clock_ahead', l.pool, jsonb_build_object('limit', l.key,
    'aheadMs', round(greatest(ahead, l.window_from - t, l.claim_until - t,
      case l.kind when 'bucket' then l.tat - t
                  when 'calendar' then l.resets_at - calendar_end(t, l.calendar_unit, l.zone) end))));
  if ahead > 0 then
    update limit_events e set at = least(e.at - ahead, t) where e.limit_id = l.id;
    l.tat := l.tat - ahead;
    l.full_at := l.full_at - ahead;
    if l.kind = 'vendor' then l.resets_at := greatest(t, l.resets_at - ahead); end if;
  else
    update limit_events e set at = t where e.limit_id = l.id and e.at > t;
  end if;
  if l.kind = 'bucket' and l.tat > t + l.capacity * l.period_ms then l.tat := t + l.capacity * l.period_ms; end if;
  if l.kind = 'calendar' and l.resets_at is not null then
    l.resets_at := calendar_end(t, l.calendar_unit, l.zone);
  end if;
  update limits x set rate_share_at = least(x.rate_share_at, t), unblocked_at = least(x.unblocked_at, t),
      sized_at = least(x.sized_at, t), refused_at = least(x.refused_at, t), emptied_at = least(x.emptied_at, t),
      refused_from = least(x.refused_from, t), starved_from = least(x.starved_from, t),
      measured_from = least(x.measured_from, t)
    where x.id = l.id and (ahead > 0 or greatest(x.rate_share_at, x.unblocked_at, x.sized_at, x.refused_at, x.emptied_at) > t);
  l.last_at := least(l.last_at, t);
  l.window_from := least(l.window_from, t);
  l.claim_rank := 0;
  l.claim_until := 0;
  return l;
end $$;
