-- Puts back what lies in the future of the database's clock beside limits and pools, which do so by themselves: the clock
-- has gone back since, and nobody saw it. A row that something happened to in the future moves as a whole, as if that were
-- now; a hold that would last for minutes ends. One event is recorded for each table. Returns how many rows were changed.
create or replace function rows_mended() returns integer language plpgsql as $$
declare
  t     double precision := now_ms();
  r     record;
  last  text;
  n     integer;
  ahead double precision;
  total integer := 0;
begin
  for r in select * from clock_times() c where c.swept order by c.tab loop
    select 'greatest(' || string_agg(case a.atttypid when 'timestamptz'::regtype
        then format('extract(epoch from %I)::float8 * 1000', a.attname) else quote_ident(a.attname) end, ', ') || ')'
      into last from pg_attribute a where a.attrelid = to_regclass(r.tab) and a.attname = any (r.stamps);
    execute format('select count(*), max(ahead) from (select %s - $1 as ahead from %I where %s) x where ahead > 5000',
      last, r.tab, r.which) into n, ahead using t;
    if n > 0 then
      execute format('select from %I where %s and %s > $1 + 5000 order by %s for update', r.tab, r.which, last, r.ordered)
        using t;
      execute format('update %I set %s where %s and %s > $1 + 5000', r.tab,
        clock_moves(r.tab, r.stamps || r.ends || r.lease, '$1 - ' || last), r.which, last) using t;
      perform record_event('rows.clock_ahead', null, jsonb_build_object('table', r.tab, 'rows', n, 'aheadMs', round(ahead)));
      total := total + n;
    end if;
    if r.lease <> '{}' then
      execute format('update %1$I set %2$I = to_timestamp($1 / 1000) where %3$s and %2$I > to_timestamp($1 / 1000 + 300)',
        r.tab, r.lease[1], r.which) using t;
      get diagnostics n = row_count;
      if n > 0 then
        perform record_event('rows.clock_ahead', null, jsonb_build_object('table', r.tab, 'rows', n, 'aheadMs', 300000));
        total := total + n;
      end if;
    end if;
  end loop;
  return total;
end $$;
