-- A creation whose call has not come to an end in the process that made it may still reach the vendor: the list is
-- believed only after that. One that was made again may have a twin, which is looked for afterwards.
alter table batch_parts
  add column answered     boolean not null default false, -- the creation's call has ended here, well or not
  add column remade       boolean not null default false, -- asked for again, as the list did not show it
  add column twins_sought boolean not null default false; -- after that
