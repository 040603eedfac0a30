-- When the wait began that was last reported, epoch ms: one that lasts longer than an hour is reported again.
alter table limit_waits add column since_ms double precision not null default 0;
