-- What an update sets to move these columns of a table by as many ms as the expression `by` says.
create or replace function clock_moves(tab text, cols text[], by text) returns text language sql stable as $$
  select string_agg(case a.atttypid
      when 'timestamptz'::regtype then format('%1$I = %1$I + (%2$s) * interval ''1 millisecond''', a.attname, by)
      else format('%1$I = case when %1$I > 0 then %1$I + (%2$s) else %1$I end', a.attname, by) end, ', ')
  from pg_attribute a where a.attrelid = to_regclass(tab) and a.attname = any (cols)
$$;
