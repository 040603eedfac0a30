-- A bucket's own state is one number; its charges are remembered for calls that leave late or cost less than estimated.
create or replace function bucket_memory_ms(l limits) returns double precision language sql immutable
as $$ select case l.unit when 'tokens' then 900000 else 120000 end::double precision $$;
