-- A vendor refused a call as too fast: nobody's call of these limits leaves for `wait_ms` from now, and a bucket's rate is
-- lowered as its refusals show (limit_refused). `departed` is the permit's depart_at: a call that had left before a person
-- ended such a wait begins no other. `cost` is what the call was charged. Returns when calls may leave again, epoch ms.
create or replace function report_refused(p_keys text[], departed double precision, wait_ms double precision,
                                          why text default '', cost double precision default 1)
returns double precision language plpgsql as $$
declare
  t     double precision;
  later double precision;
begin
  if wait_ms is null or not wait_ms between 0 and 31 * 86400000.0 then
    raise exception 'wait_ms is a time from 0 to 31 days, not %', wait_ms using errcode = '22023';
  end if;
  perform 1 from limits where key = any (p_keys) order by key for update;
  -- In a statement of its own: the locks may have been waited for.
  t := now_ms();
  update limits set blocked_since = case when blocked_until > t then blocked_since else t end,
    blocked_reason = case when t + wait_ms > blocked_until then why else blocked_reason end,
    blocked_until = greatest(blocked_until, t + wait_ms)
  where key = any (p_keys) and departed >= unblocked_at;
  perform limit_refused(k, departed, null, cost, wait_ms) from (select unnest(p_keys) k order by 1) x;
  select max(blocked_until) into later from limits where key = any (p_keys);
  return greatest(later, t);
end $$;
