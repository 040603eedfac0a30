-- Limits as people see them, at the database's time: used, what resets when, who set the size, why it waits.
-- Documented for people who bring their own client; times are epoch milliseconds.
create or replace view limit_status as
select l.key, l.pool, l.name, l.unit, l.kind, l.capacity,
       greatest(0, case l.kind
         when 'bucket' then case when l.full_at <= n.t then 0 else least(l.capacity, (l.tat - n.t) / l.period_ms) end
         when 'rolling' then (select coalesce(sum(e.units), 0) from limit_events e
                              where e.limit_id = l.id and e.at > n.t - l.period_ms)
         else case when l.resets_at is not null and l.resets_at <= n.t then 0 else l.used end end) as used,
       case l.kind
         when 'bucket' then case when least(l.tat, l.full_at) > n.t then least(l.tat, l.full_at) end
         when 'rolling' then (select max(e.at) + l.period_ms from limit_events e
                              where e.limit_id = l.id and e.at > n.t - l.period_ms)
         else case when l.resets_at > n.t then l.resets_at end end as resets_at,
       case when l.blocked_until > n.t then l.blocked_until end as blocked_until,
       l.source, l.mode, l.period_ms as ratio_period, l.granted_calls, l.granted_units, l.shadow_over,
       case when l.blocked_until > n.t then l.blocked_reason else '' end as blocked_reason,
       case when l.blocked_until > n.t and l.blocked_since > 0 then l.blocked_since end as blocked_since,
       case when l.kind = 'bucket' and l.rate_share < 1 then 1000 / l.period_ms end as lowered_rate,
       l.override,
       -- What is left is not for everyone: units kept for work of higher ranks, and the rank of who waits for it and is
       -- served first (1 scheduled, 2 live, 3 interactive).
       l.capacity - l.capacity * least(l.share_background, l.share_scheduled, l.share_live) as kept,
       case when l.claim_until > n.t and l.claim_rank > 0 then l.claim_rank end as claimed_by
from limits l cross join lateral (select now_ms() as t) n;
