-- A bucket that is full by `t`, as the vendor stated: nothing that was charged before counts any more, nor is refunded.
create or replace function limit_refill(l limits, t double precision) returns limits language plpgsql as $$
begin
  if l.full_at <= t then
    delete from limit_events e where e.limit_id = l.id and e.at < l.full_at;
    l.tat := least(l.tat, l.full_at);
    l.full_at := null;
  end if;
  return l;
end $$;
