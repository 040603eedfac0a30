-- Limits that several pools share: the egress IP's hold for every account behind it. `limits.pool` names the pool that
-- registered a limit first; who else is held by it stands here.

create table pool_limits (
  pool      text not null,
  limit_key text not null,
  primary key (pool, limit_key)
);
create index pool_limits_key on pool_limits (limit_key);

insert into pool_limits (pool, limit_key) select pool, key from limits;
