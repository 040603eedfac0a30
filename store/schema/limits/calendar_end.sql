-- End of the calendar window that holds `t`. Minutes and hours are cut on the zone's current offset, for a local
-- hour that happens twice has no single start; days and months are cut on local dates, so DST days have 23 or 25 h.
create or replace function calendar_end(t double precision, unit text, zone text) returns double precision
language plpgsql stable as $$
declare
  local_time timestamp := to_timestamp(t / 1000) at time zone zone;
  offset_ms  double precision;
  width      double precision;
begin
  if unit in ('day', 'month') then
    return extract(epoch from (date_trunc(unit, local_time) + ('1 ' || unit)::interval) at time zone zone)
           ::double precision * 1000;
  end if;
  width := case unit when 'minute' then 60000 else 3600000 end;
  -- Offsets are whole seconds; rounding removes what the conversion added.
  offset_ms := round((extract(epoch from local_time)::double precision * 1000 - t) / 1000) * 1000;
  return (floor((t + offset_ms) / width) + 1) * width - offset_ms;
end $$;
