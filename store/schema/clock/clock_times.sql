-- The times that stand for a distance from now, beside those of limits and pools: `stamps` are of something that has
-- happened, `ends` of something that is waited for, and `lease` is the end of a hold on the row that is renewed every few
-- seconds. Columns of double precision are epoch ms, with 0 for never. Rows are locked in the order of `ordered`.
-- `which`: the rows that count. `swept`: the table is small enough to be looked through (rows_mended). Not here are instants that mean themselves, such
-- as a key's expiry, a vehicle's own time, or when something was made.
create or replace function clock_times()
returns table (tab text, stamps text[], ends text[], lease text[], ordered text, which text, swept boolean)
language sql immutable as $$
  select t, s::text[], e::text[], l::text[], o, w, b from (values
    ('accepted_users', '{accepted_at}', '{}', '{}', 'account, subject', 'true', true),
    ('api_requests', '{created_at}', '{}', '{lease_until}', 'id', 'status is null', false),
    ('batch_items', '{}', '{next_attempt_at}', '{lease_until}', 'batch_id, seq', 'state in (''running'', ''retry'')', false),
    ('batch_parts', '{doubted_at,asked_at,changed_at}', '{next_try_at}', '{}', 'id', 'state <> ''settled''', true),
    ('batch_queues', '{blocked_since,learned_at}', '{blocked_until}', '{}', 'pool, model', 'true', true),
    ('batch_waits', '{since_ms,notified_at}', '{until_ms,notified_until}', '{}', 'batch_id', 'true', true),
    ('call_kinds', '{accepted_at,refused_at,since_ms}', '{until_ms}', '{}', 'pool, operation, subject, part', 'true', true),
    ('commands', '{created_at,sent_at}', '{}', '{}', 'id', 'ended_at is null', false),
    ('coverage', '{fetched_at,failed_since}', '{retry_at}', '{}', 'id', 'state = ''failed''', true),
    ('doubted_hours', '{first_at,last_at}', '{recheck_at}', '{}', 'series_id, hour', 'true', true),
    ('grants', '{refreshed_at,sent_at,lost_at,needed_at}', '{refresh_expires_at}', '{}', 'account', 'true', true),
    ('limit_waits', '{since_ms,notified_at}', '{notified_until}', '{}', 'pool, limit_key, caller', 'true', true),
    ('outside_permits', '{depart_at,claimed_at}', '{expires_at}', '{}', 'id', 'answer is null', false),
    ('quota_doubts', '{departed_at,noted_at}', '{until_ms}', '{}', 'pool, limit_key', 'true', true),
    ('rate_episodes', '{refused_at}', '{}', '{}', 'subject', 'true', true),
    ('reader_buckets', '{at}', '{}', '{}', 'reader', 'true', true),
    ('reads', '{answered_at,streamed_at,asked_at,failed_at,progress_at}', '{retry_at}', '{lease_until}',
     'account, vehicle_id, read, params', 'true', true),
    ('streams', '{connected_at,continuous_since,alive_at,message_at}', '{retry_at}', '{lease_until}', 'account', 'true', true),
    ('tokens', '{updated_at}', '{expires_at}', '{lease_until}', 'account, fingerprint', 'true', true)
  ) as x (t, s, e, l, o, w, b)
$$;
