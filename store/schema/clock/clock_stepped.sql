-- The database's clock has stepped by `step` ms, forward or back, since `last_good`, when it was seen to be right (epoch
-- ms, before the step): all times that stand for a distance from now move with it, so that no wait is longer or shorter
-- by it. What somebody has noted already is not applied again. A calendar window keeps what it holds, whatever day the
-- clock shows now, for nobody knows which of the two days was wrong. Returns the part of the step that was new.
create or replace function clock_stepped(step double precision, last_good double precision,
                                         p_now double precision default null)
returns double precision language plpgsql as $$
declare
  t     double precision;
  noted double precision;
  r     record;
begin
  perform pg_advisory_xact_lock(hashtextextended('clock', 46));
  select coalesce(sum(s.step_ms), 0) into noted from clock_steps s
    where s.noticed_at > last_good + s.step_ms - 1000;
  step := step - noted;
  if abs(step) < 500 then return 0; end if;
  -- Blocks first, in the order in which everybody takes them: pools, limits.
  perform pg_advisory_xact_lock(hashtextextended(k.key, 41)) from (select key from pools order by key) k;
  perform 1 from limits order by key for update;
  perform 1 from pools order by key for update;
  t := coalesce(p_now, now_ms());
  insert into clock_steps (noticed_at, step_ms) values (t, step);
  perform record_event('clock.stepped', null, jsonb_build_object('stepMs', round(step)));

  update limit_events set at = at + step;
  update limits l set
    last_at = case when last_at > 0 then last_at + step else 0 end,
    tat = case when tat > 0 then tat + step else 0 end,
    window_from = case when window_from > 0 then window_from + step else 0 end,
    resets_at = case when l.kind = 'calendar' and l.resets_at > t - step then calendar_end(t, l.calendar_unit, l.zone)
                     when l.kind = 'calendar' then l.resets_at
                     else l.resets_at + step end,
    used = case when l.kind = 'calendar' and l.resets_at <= t - step then 0 else l.used end,
    blocked_until = case when blocked_until > 0 then blocked_until + step else 0 end,
    blocked_since = case when blocked_since > 0 then blocked_since + step else 0 end,
    unblocked_at = case when unblocked_at > 0 then unblocked_at + step else 0 end,
    rate_share_at = case when rate_share_at > 0 then rate_share_at + step else 0 end,
    full_at = full_at + step,
    sized_at = case when sized_at > 0 then sized_at + step else 0 end,
    emptied_at = case when emptied_at > 0 then emptied_at + step else 0 end,
    refused_at = case when refused_at > 0 then refused_at + step else 0 end,
    refused_from = case when refused_from > 0 then refused_from + step else 0 end,
    starved_from = case when starved_from > 0 then starved_from + step else 0 end,
    measured_from = case when measured_from > 0 then measured_from + step else 0 end,
    claim_rank = 0, claim_until = 0;
  -- An end that an operator has given as an instant stays one.
  update pools set since_ms = since_ms + step,
    until_ms = case when state = 'held' then until_ms else until_ms + step end,
    probe_until = case when probe_until > 0 then probe_until + step else 0 end;
  for r in select * from clock_times() c order by c.tab loop
    execute format('select from %I where %s order by %s for update', r.tab, r.which, r.ordered);
    execute format('update %I set %s where %s', r.tab,
      clock_moves(r.tab, r.stamps || r.ends || r.lease, '$1'), r.which) using step;
  end loop;
  return step;
end $$;
