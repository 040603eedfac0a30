-- What an operator has changed of a limit holds whoever registers it, with whatever settings: the row takes over the
-- override that stands, one of its own key before one of its name. `definition` stays as the settings have it, so that a
-- reset goes back to that. The level of a bucket is kept in units. A more important caller's claim was about the limit
-- as it was: under other terms lower ranks stand back only if it has to wait again.
create or replace function limits_overridden() returns trigger language plpgsql as $$
declare
  o limit_overrides;
begin
  select x.* into o from limit_overrides x
  where x.ended_at is null and x.name = new.name
    and (x.key = new.key or x.key is null
         and (x.pool = new.pool or exists (select 1 from pool_limits p where p.pool = x.pool and p.limit_key = new.key)))
  order by x.key nulls last limit 1;
  if o.id is null then
    new.override := null;
  else
    new.override := o.change || jsonb_build_object('id', o.id, 'author', o.author, 'reason', o.reason, 'at', o.at);
    new.capacity := coalesce((o.change ->> 'capacity')::float8, new.capacity);
    new.mode := coalesce(o.change ->> 'mode', new.mode);
    new.source := 'operator';
    if new.kind = 'bucket' and o.change ? 'period_ms' then new.period_ms := (o.change ->> 'period_ms')::float8; end if;
    if tg_op = 'UPDATE' and new.kind = 'bucket' and old.kind = 'bucket' and old.tat > now_ms() then
      new.tat := now_ms() + least((old.tat - now_ms()) / old.period_ms, new.capacity) * new.period_ms;
    end if;
  end if;
  if tg_op = 'UPDATE' and (new.kind, new.capacity, new.period_ms, new.calendar_unit, new.zone, new.mode)
       is distinct from (old.kind, old.capacity, old.period_ms, old.calendar_unit, old.zone, old.mode) then
    new.claim_rank := 0;
    new.claim_until := 0;
  end if;
  return new;
end $$;

create or replace trigger limits_overridden before insert or update of definition on limits for each row
  execute function limits_overridden();
