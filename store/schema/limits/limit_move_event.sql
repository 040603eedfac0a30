-- Moves one charge in a limit's log. False when it is not there (any more).
create or replace function limit_move_event(l limits, n double precision, from_at double precision, to_at double precision)
returns boolean language plpgsql as $$
begin
  update limit_events e set at = to_at
    where e.ctid = (select f.ctid from limit_events f
                    where f.limit_id = l.id and f.at = from_at and f.units = n limit 1);
  return found;
end $$;
