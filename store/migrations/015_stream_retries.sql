-- When the next try to connect is due, where one is waited for.
alter table streams add column retry_at timestamptz;
