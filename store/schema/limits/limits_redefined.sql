-- What a header or a refusal taught of a rate is forgotten when the settings change it.
create or replace function limits_redefined() returns trigger language plpgsql as $$
begin
  new.rate_share := 1;
  new.rate_share_at := 0;
  new.rate_ramp := false;
  new.refused_at := 0;
  new.emptied_at := 0;
  new.refused_took := null;
  new.full_at := null;
  return new;
end $$;

create or replace trigger limits_redefined before update of definition on limits for each row
  when (old.period_ms is distinct from new.period_ms) execute function limits_redefined();
