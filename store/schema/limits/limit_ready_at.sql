-- The earliest time from `t` on at which a limit lets `units` more through for a caller of `rank` (0 background,
-- 1 scheduled, 2 live, 3 interactive); infinity when it never can. Reads the limit as it stands; changes nothing.
-- Departures on one limit never go back in time: what was decided for the latest of them (a window turned, an entry
-- forgotten) holds for all that follow.
create or replace function limit_ready_at(l limits, units double precision, rank smallint, t double precision)
returns double precision language plpgsql stable as $$
declare
  share      double precision := case rank when 0 then l.share_background when 1 then l.share_scheduled
                              when 2 then l.share_live else 1 end;
  -- A reserve may not make a call impossible that the limit as such could hold.
  cap        double precision := greatest(l.capacity * share, least(units, l.capacity));
  ready      double precision := greatest(t, l.last_at);
  held       double precision := l.used;
  window_end double precision := l.resets_at;
  over       double precision;
  edge       double precision;
begin
  if units > l.capacity then return 'infinity'; end if;
  if l.kind = 'bucket' then
    if units > 0 then
      ready := greatest(ready, least(l.tat + l.slack_ms - (cap - units) * l.period_ms, l.full_at + l.slack_ms));
    end if;
  elsif l.kind = 'rolling' then
    over := l.used + units - cap;
    if over > 0 and units > 0 then
      -- Walk the log from its oldest entry until enough units have left the window.
      select w.at into edge from (
        select e.at, sum(e.units) over (order by e.at) as freed from limit_events e
        where e.limit_id = l.id order by e.at
      ) w where w.freed >= over limit 1;
      ready := greatest(ready, coalesce(edge, l.last_at) + l.period_ms + l.slack_ms);
    end if;
  else -- calendar, vendor
    if window_end is not null and ready >= window_end then
      held := 0;
      -- The vendor may still count in the old window just after it has turned.
      ready := greatest(ready, window_end + l.slack_ms);
      window_end := null;
    end if;
    if window_end is null and l.kind = 'calendar' then
      window_end := calendar_end(ready, l.calendar_unit, l.zone);
    end if;
    if held + units > cap and units > 0 then
      -- Until the vendor has stated when it resets, nothing helps but another call.
      ready := coalesce(window_end + l.slack_ms, ready + 60000);
    elsif window_end is not null and ready > window_end - l.slack_ms then
      -- A call that leaves now may arrive in the next window.
      ready := window_end + l.slack_ms;
    end if;
  end if;
  return greatest(ready, l.blocked_until);
end $$;
