create table accepted_users (
  account text not null,
  subject text not null,
  salt bytea not null,
  verifier bytea not null,
  result jsonb not null,
  accepted_at timestamp with time zone not null,
  constraint accepted_users_pkey PRIMARY KEY (account, subject)
);

create table api_key_use (
  key text not null,
  began_at timestamp with time zone not null,
  taken integer not null,
  granted integer not null,
  constraint api_key_use_pkey PRIMARY KEY (key)
);

create table api_keys (
  id text not null,
  name text not null,
  hash bytea not null,
  scope text not null,
  requests_per_minute integer,
  created_at timestamp with time zone not null default clock_timestamp(),
  created_by text not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  revoked_by text,
  last_used_at timestamp with time zone,
  constraint api_keys_hash_key UNIQUE (hash),
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_requests_per_minute_check CHECK ((requests_per_minute > 0)),
  constraint api_keys_scope_check CHECK ((scope = ANY (ARRAY['read'::text, 'operate'::text, 'admin'::text])))
);

create table api_requests (
  id text not null,
  caller text not null,
  key text not null,
  fingerprint bytea not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  lease_until timestamp with time zone,
  status integer,
  location text,
  body jsonb,
  constraint api_requests_caller_key_key UNIQUE (caller, key),
  constraint api_requests_pkey PRIMARY KEY (id)
);

create table batch_items (
  batch_id bigint not null,
  seq integer not null,
  external_id text not null,
  variables jsonb not null,
  state text not null default 'pending'::text,
  attempts integer not null default 0,
  next_attempt_at timestamp with time zone,
  lease_owner text,
  lease_until timestamp with time zone,
  response_id text,
  result jsonb,
  evidence jsonb,
  answered_at timestamp with time zone,
  constraint batch_items_batch_id_external_id_key UNIQUE (batch_id, external_id),
  constraint batch_items_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches(id) ON DELETE CASCADE,
  constraint batch_items_pkey PRIMARY KEY (batch_id, seq),
  constraint batch_items_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'running'::text, 'retry'::text, 'done'::text, 'failed'::text])))
) with (fillfactor=80);

create table batch_pace (
  batch_id bigint not null,
  concurrency integer not null,
  ended_well boolean not null,
  at timestamp with time zone not null default clock_timestamp(),
  constraint batch_pace_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches(id) ON DELETE CASCADE,
  constraint batch_pace_concurrency_check CHECK ((concurrency > 0)),
  constraint batch_pace_pkey PRIMARY KEY (batch_id)
) with (fillfactor=50);

create table batch_parts (
  id bigint generated always as identity not null,
  batch_id bigint not null,
  key text not null,
  pool text not null,
  model text not null,
  state text not null default 'cutting'::text,
  items integer not null default 0,
  bytes bigint not null default 0,
  tokens bigint not null default 0,
  file_id text,
  vendor_id text,
  status text not null default ''::text,
  begun boolean not null default false,
  outcome text,
  total integer not null default 0,
  completed integer not null default 0,
  failed integer not null default 0,
  uploads integer not null default 0,
  usable integer not null default 0,
  output_file_id text,
  error_file_id text,
  output_read boolean not null default false,
  errors_read boolean not null default false,
  failures integer not null default 0,
  next_try_at timestamp with time zone,
  note text not null default ''::text,
  created_at timestamp with time zone not null default clock_timestamp(),
  asked_at timestamp with time zone,
  expires_at timestamp with time zone,
  changed_at timestamp with time zone not null default clock_timestamp(),
  cancel_asked boolean not null default false,
  doubts integer not null default 0,
  doubted_at timestamp with time zone,
  answered boolean not null default false,
  remade boolean not null default false,
  twins_sought boolean not null default false,
  constraint batch_parts_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches(id) ON DELETE CASCADE,
  constraint batch_parts_key_key UNIQUE (key),
  constraint batch_parts_pkey PRIMARY KEY (id),
  constraint batch_parts_state_check CHECK ((state = ANY (ARRAY['cutting'::text, 'cut'::text, 'uploaded'::text, 'creating'::text, 'created'::text, 'ended'::text, 'settled'::text])))
);

create table batch_queues (
  pool text not null,
  model text not null,
  learned bigint,
  learned_at timestamp with time zone,
  share double precision not null default 1,
  strikes integer not null default 0,
  blocked_until timestamp with time zone,
  blocked_since timestamp with time zone,
  reason text not null default ''::text,
  constraint batch_queues_pkey PRIMARY KEY (pool, model)
);

create table batch_waits (
  batch_id bigint not null,
  cause text not null,
  subject text not null,
  reason text not null,
  since_ms double precision,
  until_ms double precision,
  notified_at double precision,
  notified_until double precision,
  constraint batch_waits_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches(id) ON DELETE CASCADE,
  constraint batch_waits_pkey PRIMARY KEY (batch_id)
);

create table batches (
  id bigint generated always as identity not null,
  digest text not null,
  kind text not null,
  account text not null,
  model text not null,
  prompt text not null,
  options jsonb not null default '{}'::jsonb,
  input_name text not null,
  priority text not null,
  via text not null default 'responses'::text,
  state text not null default 'running'::text,
  reason text not null default ''::text,
  items integer not null default 0,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint batches_digest_key UNIQUE (digest),
  constraint batches_pkey PRIMARY KEY (id),
  constraint batches_priority_check CHECK ((priority = ANY (ARRAY['background'::text, 'scheduled'::text, 'live'::text, 'interactive'::text]))),
  constraint batches_state_check CHECK ((state = ANY (ARRAY['running'::text, 'paused'::text, 'cancelled'::text]))),
  constraint batches_via_check CHECK ((via = ANY (ARRAY['responses'::text, 'batch-api'::text])))
);

create table call_counts (
  pool text not null,
  minute timestamp with time zone not null,
  operation text not null,
  caller text not null,
  verdict text not null,
  calls bigint not null,
  units double precision not null default 0,
  constraint call_counts_pkey PRIMARY KEY (pool, minute, operation, caller, verdict)
);

create table call_kinds (
  pool text not null,
  operation text not null,
  subject text not null,
  accepted_at double precision not null default 0,
  refused_at double precision not null default 0,
  refused_for text,
  strikes integer not null default 0,
  since_ms double precision not null default 0,
  until_ms double precision not null default 0,
  reason text not null default ''::text,
  hint text,
  evidence jsonb,
  part text not null default ''::text,
  constraint call_kinds_pkey PRIMARY KEY (pool, operation, subject, part),
  constraint call_kinds_refused_for_check CHECK ((refused_for = ANY (ARRAY['quota'::text, 'access'::text])))
);

create table clock_steps (
  id bigint generated always as identity not null,
  noticed_at double precision not null,
  step_ms double precision not null,
  constraint clock_steps_pkey PRIMARY KEY (id)
);

create table commands (
  id bigint generated always as identity not null,
  account text not null,
  request_id text,
  device text not null,
  code text not null,
  params jsonb not null default '[]'::jsonb,
  repeatable boolean not null default false,
  timeout_ms double precision not null,
  wait_for_pool boolean not null default false,
  asked_by text not null default ''::text,
  state text not null default 'created'::text,
  attempts integer not null default 0,
  maybe_sent boolean not null default false,
  owner text,
  vendor_command_id text,
  result_name text,
  result_code text,
  result_message text,
  created_at timestamp with time zone not null default clock_timestamp(),
  sent_at timestamp with time zone,
  ended_at timestamp with time zone,
  constraint commands_account_request_id_key UNIQUE (account, request_id),
  constraint commands_pkey PRIMARY KEY (id),
  constraint commands_state_check CHECK ((state = ANY (ARRAY['created'::text, 'sending'::text, 'queued'::text, 'succeeded'::text, 'failed'::text, 'unknown'::text, 'cancelled'::text])))
);

create table coverage (
  id bigint generated always as identity not null,
  series_id integer not null,
  span tstzrange not null,
  state text not null,
  row_count bigint not null default 0,
  evidence jsonb not null default '{}'::jsonb,
  reason text,
  retry_at timestamp with time zone,
  cause text,
  tries integer not null default 0,
  failed_since timestamp with time zone,
  fetched_at timestamp with time zone not null,
  daily_audited_at timestamp with time zone,
  weekly_audited_at timestamp with time zone,
  constraint coverage_no_overlap EXCLUDE USING gist (int4range(series_id, series_id, '[]'::text) WITH &&, span WITH &&),
  constraint coverage_pkey PRIMARY KEY (id),
  constraint coverage_row_count_check CHECK ((row_count >= 0)),
  constraint coverage_series_id_fkey FOREIGN KEY (series_id) REFERENCES series(id) ON DELETE CASCADE,
  constraint coverage_span CHECK (((NOT isempty(span)) AND lower_inc(span) AND (NOT upper_inc(span)) AND (NOT lower_inf(span)) AND (NOT upper_inf(span)) AND (lower(span) > '-infinity'::timestamp with time zone) AND (upper(span) < 'infinity'::timestamp with time zone))),
  constraint coverage_state_check CHECK ((state = ANY (ARRAY['done'::text, 'empty_provisional'::text, 'failed'::text]))),
  constraint coverage_tries_check CHECK ((tries >= 0))
);

create table deployment (
  only_one boolean not null default true,
  id uuid not null,
  made_at timestamp with time zone not null default clock_timestamp(),
  constraint deployment_only_one_check CHECK (only_one),
  constraint deployment_pkey PRIMARY KEY (only_one)
);

create table doubted_hours (
  series_id integer not null,
  hour timestamp with time zone not null,
  known_rows bigint not null,
  reported_rows bigint not null,
  answers integer not null,
  first_at timestamp with time zone not null,
  last_at timestamp with time zone not null,
  recheck_at timestamp with time zone not null,
  accepted_at timestamp with time zone,
  accepted_by text,
  evidence jsonb not null default '{}'::jsonb,
  constraint doubted_hours_answers_check CHECK ((answers > 0)),
  constraint doubted_hours_pkey PRIMARY KEY (series_id, hour),
  constraint doubted_hours_series_id_fkey FOREIGN KEY (series_id) REFERENCES series(id) ON DELETE CASCADE
);

create table events (
  id bigint generated always as identity not null,
  at timestamp with time zone not null default clock_timestamp(),
  kind text not null,
  pool text,
  data jsonb not null default '{}'::jsonb,
  constraint events_pkey PRIMARY KEY (id)
);

create table fleet_cursors (
  account text not null,
  feed text not null,
  value text not null,
  updated_at timestamp with time zone not null,
  constraint fleet_cursors_feed_check CHECK ((feed = ANY (ARRAY['devices'::text, 'positions'::text]))),
  constraint fleet_cursors_pkey PRIMARY KEY (account, feed)
);

create table fleet_devices (
  account text not null,
  device_id text not null,
  name text not null,
  type text not null,
  sim text not null,
  device_group text not null,
  last_active_at timestamp with time zone,
  expires_at timestamp with time zone,
  free boolean not null,
  listed_at timestamp with time zone not null,
  removed_at timestamp with time zone,
  snapshot_at timestamp with time zone,
  moved_at timestamp with time zone,
  trips_asked_at timestamp with time zone,
  trips_until timestamp with time zone,
  constraint fleet_devices_pkey PRIMARY KEY (account, device_id)
);

create table fleet_positions (
  account text not null,
  device_id text not null,
  at timestamp with time zone not null,
  arrived_at timestamp with time zone,
  latitude double precision not null,
  longitude double precision not null,
  speed double precision not null,
  course double precision not null,
  odometer double precision,
  status bigint not null,
  status_text text not null,
  alarm bigint not null,
  moving boolean,
  source text not null,
  stored_at timestamp with time zone not null default now(),
  constraint fleet_positions_pkey PRIMARY KEY (account, device_id, at),
  constraint fleet_positions_source_check CHECK ((source = ANY (ARRAY['live'::text, 'track'::text])))
);

create table fleet_trips (
  account text not null,
  device_id text not null,
  start_time timestamp with time zone not null,
  end_time timestamp with time zone not null,
  distance double precision not null,
  max_speed double precision not null,
  average_speed double precision not null,
  duration_ms double precision not null,
  start_latitude double precision,
  start_longitude double precision,
  end_latitude double precision,
  end_longitude double precision,
  stored_at timestamp with time zone not null default now(),
  constraint fleet_trips_pkey PRIMARY KEY (account, device_id, start_time)
);

create table grants (
  account text not null,
  generation integer not null default 0,
  key_id text,
  nonce bytea,
  ciphertext bytea,
  subject text,
  login_digest text,
  logged_in_at timestamp with time zone,
  refreshed_at timestamp with time zone,
  refresh_expires_at timestamp with time zone,
  sent_at timestamp with time zone,
  lost_at timestamp with time zone,
  needed_at timestamp with time zone,
  needed_reason text,
  constraint grants_ciphertext_check CHECK ((length(ciphertext) >= 16)),
  constraint grants_nonce_check CHECK ((length(nonce) = 12)),
  constraint grants_pkey PRIMARY KEY (account),
  constraint grants_whole CHECK ((((ciphertext IS NULL) = (key_id IS NULL)) AND ((ciphertext IS NULL) = (nonce IS NULL)) AND ((ciphertext IS NULL) = (logged_in_at IS NULL))))
);

create table jobs (
  id bigint generated always as identity not null,
  series_id integer not null,
  span tstzrange not null,
  purpose text not null,
  state text not null,
  attempts integer not null default 0,
  requested_at timestamp with time zone,
  report_id text,
  request_id text,
  document_id text,
  document_url text,
  url_expires_at timestamp with time zone,
  reason text,
  evidence jsonb not null default '{}'::jsonb,
  failing boolean not null default false,
  slow_reported_ms double precision,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  constraint jobs_pkey PRIMARY KEY (id),
  constraint jobs_purpose_check CHECK ((purpose = ANY (ARRAY['backfill'::text, 'sync'::text, 'daily_audit'::text, 'weekly_audit'::text]))),
  constraint jobs_report_id CHECK (((state <> ALL (ARRAY['requested'::text, 'ready'::text, 'ingested'::text])) OR (report_id IS NOT NULL))),
  constraint jobs_series_id_fkey FOREIGN KEY (series_id) REFERENCES series(id) ON DELETE CASCADE,
  constraint jobs_span_check CHECK (((NOT isempty(span)) AND lower_inc(span) AND (NOT upper_inc(span)))),
  constraint jobs_state_check CHECK ((state = ANY (ARRAY['intended'::text, 'requested'::text, 'ready'::text, 'ingested'::text, 'failed'::text, 'cancelled'::text])))
);

create table limit_events (
  limit_id bigint not null,
  at double precision not null,
  units double precision not null
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000);

create table limit_overrides (
  id bigint generated always as identity not null,
  pool text not null,
  name text not null,
  key text,
  change jsonb not null,
  author text not null,
  reason text not null,
  at timestamp with time zone not null default clock_timestamp(),
  ended_at timestamp with time zone,
  ended_by text,
  constraint limit_overrides_pkey PRIMARY KEY (id)
);

create table limit_waits (
  pool text not null,
  limit_key text not null,
  caller text not null,
  notified_at double precision not null,
  notified_until double precision not null,
  since_ms double precision not null default 0,
  constraint limit_waits_pkey PRIMARY KEY (pool, limit_key, caller)
);

create table limits (
  id bigint generated always as identity not null,
  key text not null,
  pool text not null,
  name text not null,
  unit text not null,
  kind text not null,
  capacity double precision not null,
  period_ms double precision,
  calendar_unit text,
  zone text,
  slack_ms double precision not null default 0,
  share_background double precision not null default 1,
  share_scheduled double precision not null default 1,
  share_live double precision not null default 1,
  mode text not null,
  source text not null,
  definition jsonb not null,
  last_at double precision not null default 0,
  tat double precision not null default 0,
  used double precision not null default 0,
  window_from double precision not null default 0,
  resets_at double precision,
  blocked_until double precision not null default 0,
  blocked_since double precision not null default 0,
  blocked_reason text not null default ''::text,
  unblocked_at double precision not null default 0,
  rate_strikes integer not null default 0,
  rate_share double precision not null default 1,
  rate_share_at double precision not null default 0,
  rate_floor double precision not null default 0,
  rate_ramp boolean not null default false,
  rate_raises integer not null default 0,
  refused_at double precision not null default 0,
  refused_from double precision not null default 0,
  refused_took double precision,
  refused_mark double precision not null default 0,
  refused_cost double precision not null default 1,
  emptied_at double precision not null default 0,
  measured_from double precision not null default 0,
  starved_from double precision not null default 0,
  sized_at double precision not null default 0,
  full_at double precision,
  claim_rank smallint not null default 0,
  claim_until double precision not null default 0,
  granted_calls bigint not null default 0,
  granted_units double precision not null default 0,
  shadow_over bigint not null default 0,
  generation bigint not null default 0,
  override jsonb,
  constraint limits_calendar_unit_check CHECK ((calendar_unit = ANY (ARRAY['minute'::text, 'hour'::text, 'day'::text, 'month'::text]))),
  constraint limits_capacity_check CHECK ((capacity > (0)::double precision)),
  constraint limits_key_key UNIQUE (key),
  constraint limits_kind_check CHECK ((kind = ANY (ARRAY['bucket'::text, 'rolling'::text, 'calendar'::text, 'vendor'::text]))),
  constraint limits_mode_check CHECK ((mode = ANY (ARRAY['enforce'::text, 'shadow'::text]))),
  constraint limits_period CHECK (((kind <> ALL (ARRAY['bucket'::text, 'rolling'::text])) OR (period_ms IS NOT NULL))),
  constraint limits_period_ms_check CHECK ((period_ms > (0)::double precision)),
  constraint limits_pkey PRIMARY KEY (id),
  constraint limits_rate_share_check CHECK (((rate_share > (0)::double precision) AND (rate_share <= (1)::double precision))),
  constraint limits_share_background_check CHECK (((share_background > (0)::double precision) AND (share_background <= (1)::double precision))),
  constraint limits_share_live_check CHECK (((share_live > (0)::double precision) AND (share_live <= (1)::double precision))),
  constraint limits_share_scheduled_check CHECK (((share_scheduled > (0)::double precision) AND (share_scheduled <= (1)::double precision))),
  constraint limits_unit_check CHECK ((unit = ANY (ARRAY['calls'::text, 'tokens'::text]))),
  constraint limits_window CHECK (((kind <> 'calendar'::text) OR ((calendar_unit IS NOT NULL) AND (zone IS NOT NULL))))
) with (fillfactor=50);

create table logins (
  id bigint generated always as identity not null,
  account text not null,
  kind text not null,
  state text not null default 'starting'::text,
  message text not null default ''::text,
  url text,
  user_code text,
  interval_ms double precision,
  expires_at timestamp with time zone,
  key_id text,
  nonce bytea,
  ciphertext bytea,
  asked_by text not null,
  created_at timestamp with time zone not null default now(),
  ended_at timestamp with time zone,
  constraint logins_ciphertext_check CHECK ((length(ciphertext) >= 16)),
  constraint logins_nonce_check CHECK ((length(nonce) = 12)),
  constraint logins_pkey PRIMARY KEY (id),
  constraint logins_whole CHECK ((((ciphertext IS NULL) = (key_id IS NULL)) AND ((ciphertext IS NULL) = (nonce IS NULL)) AND ((ciphertext IS NULL) OR (ended_at IS NULL))))
);

create table outside_permits (
  id text not null,
  pool text,
  terms jsonb not null,
  depart_at double precision not null,
  expires_at double precision not null,
  epoch bigint not null,
  organization_epoch bigint not null,
  probe boolean not null,
  failures integer not null,
  claimed_at double precision,
  digest text,
  answer jsonb,
  missed_at double precision,
  constraint outside_permits_pkey PRIMARY KEY (id)
) with (fillfactor=60);

create table pool_limits (
  pool text not null,
  limit_key text not null,
  constraint pool_limits_pkey PRIMARY KEY (pool, limit_key)
);

create table pools (
  key text not null,
  state text not null default 'closed'::text,
  until_ms double precision,
  since_ms double precision not null default 0,
  reason text not null default ''::text,
  strikes integer not null default 0,
  failures integer not null default 0,
  epoch bigint not null default 1,
  evidence jsonb,
  hint text,
  probe_until double precision not null default 0,
  policy jsonb not null default '{}'::jsonb,
  organization text,
  cause text,
  short_waits integer not null default 0,
  generation bigint not null default 0,
  constraint pools_pkey PRIMARY KEY (key),
  constraint pools_state_check CHECK ((state = ANY (ARRAY['closed'::text, 'quota_paused'::text, 'open'::text, 'half_open'::text, 'held'::text])))
) with (fillfactor=50);

create table quota_doubts (
  pool text not null,
  limit_key text not null,
  strike integer not null,
  departed_at double precision not null,
  noted_at double precision not null,
  until_ms double precision not null,
  constraint quota_doubts_pkey PRIMARY KEY (pool, limit_key)
);

create table rate_episodes (
  subject text not null,
  refused_at double precision not null,
  alerted boolean not null default false,
  constraint rate_episodes_pkey PRIMARY KEY (subject)
);

create table read_values (
  read_id bigint not null,
  name text not null,
  state text not null,
  value jsonb,
  unit text,
  at timestamp with time zone,
  received_at timestamp with time zone not null,
  changed_at timestamp with time zone not null,
  source text not null,
  constraint read_values_pkey PRIMARY KEY (read_id, name),
  constraint read_values_read_id_fkey FOREIGN KEY (read_id) REFERENCES reads(id) ON DELETE CASCADE
);

create table reader_buckets (
  reader text not null,
  level double precision not null,
  at timestamp with time zone not null,
  constraint reader_buckets_pkey PRIMARY KEY (reader)
);

create table reads (
  id bigint generated always as identity not null,
  account text not null,
  vehicle_id text not null,
  read text not null,
  params text not null,
  made_at timestamp with time zone not null default clock_timestamp(),
  answered_at timestamp with time zone,
  source text,
  request_id text,
  records jsonb,
  content_type text,
  pages integer,
  document text,
  streamed_at timestamp with time zone,
  progress jsonb,
  progress_at timestamp with time zone,
  asked_at timestamp with time zone,
  lease_owner text,
  lease_until timestamp with time zone,
  failures integer not null default 0,
  failed_at timestamp with time zone,
  failure jsonb,
  retry_at timestamp with time zone,
  constraint reads_account_vehicle_id_read_params_key UNIQUE (account, vehicle_id, read, params),
  constraint reads_pkey PRIMARY KEY (id)
);

create table rejected_documents (
  id bigint generated always as identity not null,
  series_id integer not null,
  job_id bigint,
  span tstzrange not null,
  code text not null,
  position bigint,
  problem text not null,
  head bytea not null,
  evidence jsonb not null default '{}'::jsonb,
  rejected_at timestamp with time zone not null,
  constraint rejected_documents_head_check CHECK ((octet_length(head) <= 65536)),
  constraint rejected_documents_job_id_fkey FOREIGN KEY (job_id) REFERENCES jobs(id) ON DELETE SET NULL,
  constraint rejected_documents_pkey PRIMARY KEY (id),
  constraint rejected_documents_series_id_fkey FOREIGN KEY (series_id) REFERENCES series(id) ON DELETE CASCADE
);

create table series (
  id integer generated always as identity not null,
  dataset text not null,
  account text not null,
  partition_key jsonb not null default '{}'::jsonb,
  daily_audit_at timestamp with time zone,
  weekly_audit_at timestamp with time zone,
  created_at timestamp with time zone not null default now(),
  constraint series_dataset_account_partition_key_key UNIQUE (dataset, account, partition_key),
  constraint series_partition_key_check CHECK ((jsonb_typeof(partition_key) = 'object'::text)),
  constraint series_pkey PRIMARY KEY (id)
);

create table set_aside_rows (
  id bigint generated always as identity not null,
  series_id integer not null,
  span tstzrange not null,
  row_index bigint not null,
  start_time timestamp with time zone,
  row_key text[],
  code text not null,
  problem text not null,
  row_text text not null,
  evidence jsonb not null default '{}'::jsonb,
  set_aside_at timestamp with time zone not null,
  constraint set_aside_rows_code_check CHECK ((code = ANY (ARRAY['unusable'::text, 'duplicate_key'::text]))),
  constraint set_aside_rows_pkey PRIMARY KEY (id),
  constraint set_aside_rows_series_id_fkey FOREIGN KEY (series_id) REFERENCES series(id) ON DELETE CASCADE
);

create table settings_generations (
  generation bigint generated always as identity not null,
  pool text not null,
  digest text not null,
  file_ms double precision,
  published_by text not null,
  published_at timestamp with time zone not null default clock_timestamp(),
  constraint settings_generations_pkey PRIMARY KEY (generation)
);

create table sluice_migrations (
  name text not null,
  sha256 text not null,
  applied_at timestamp with time zone not null default now(),
  constraint sluice_migrations_pkey PRIMARY KEY (name)
);

create table sluice_schema (
  singleton boolean not null default true,
  version integer not null,
  digest text not null,
  objects text[] not null,
  applied_at timestamp with time zone not null default now(),
  constraint sluice_schema_pkey PRIMARY KEY (singleton),
  constraint sluice_schema_singleton_check CHECK (singleton)
);

create table streams (
  account text not null,
  lease_owner text,
  lease_until timestamp with time zone,
  state text not null default 'waiting'::text,
  reason text not null default ''::text,
  connected_at timestamp with time zone,
  continuous_since timestamp with time zone,
  alive_at timestamp with time zone,
  message_at timestamp with time zone,
  messages bigint not null default 0,
  reported_trouble text,
  retry_at timestamp with time zone,
  constraint streams_pkey PRIMARY KEY (account)
);

create table tokens (
  account text not null,
  fingerprint text not null,
  key_id text,
  nonce bytea,
  ciphertext bytea,
  expires_at timestamp with time zone,
  version integer not null default 0,
  lease_until timestamp with time zone,
  lease_owner text,
  refused_reason text,
  refused_at timestamp with time zone,
  updated_at timestamp with time zone not null default now(),
  constraint tokens_ciphertext_check CHECK ((length(ciphertext) >= 16)),
  constraint tokens_nonce_check CHECK ((length(nonce) = 12)),
  constraint tokens_pkey PRIMARY KEY (account, fingerprint),
  constraint tokens_whole CHECK ((((ciphertext IS NULL) = (key_id IS NULL)) AND ((ciphertext IS NULL) = (nonce IS NULL)) AND ((ciphertext IS NULL) = (expires_at IS NULL))))
);

create table vault (
  name text not null,
  key_id text not null,
  nonce bytea not null,
  ciphertext bytea not null,
  version integer not null default 1,
  updated_at timestamp with time zone not null default now(),
  constraint vault_ciphertext_check CHECK ((length(ciphertext) >= 16)),
  constraint vault_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
  constraint vault_nonce_check CHECK ((length(nonce) = 12)),
  constraint vault_pkey PRIMARY KEY (name)
);

create table vehicles (
  account text not null,
  vehicle_id text not null,
  name text not null,
  brand text not null,
  model text not null,
  drive_train text,
  readable boolean not null,
  details jsonb not null,
  listed_at timestamp with time zone not null,
  removed_at timestamp with time zone,
  constraint vehicles_pkey PRIMARY KEY (account, vehicle_id)
);

create table worker_presence (
  from_ms double precision not null,
  to_ms double precision not null,
  constraint worker_presence_pkey PRIMARY KEY (from_ms)
);

CREATE UNIQUE INDEX api_keys_name ON sluice.api_keys USING btree (name) WHERE (revoked_at IS NULL);

CREATE INDEX api_requests_created_at ON sluice.api_requests USING btree (created_at);

CREATE INDEX batch_items_pending ON sluice.batch_items USING btree (batch_id, seq) WHERE (state = 'pending'::text);

CREATE INDEX batch_items_retry ON sluice.batch_items USING btree (batch_id, next_attempt_at, seq) WHERE (state = 'retry'::text);

CREATE INDEX batch_items_running ON sluice.batch_items USING btree (batch_id, lease_until) WHERE (state = 'running'::text);

CREATE INDEX batch_parts_batch ON sluice.batch_parts USING btree (batch_id, id);

CREATE INDEX batch_parts_open ON sluice.batch_parts USING btree (pool, model) WHERE (state <> 'settled'::text);

CREATE INDEX commands_newest ON sluice.commands USING btree (created_at DESC);

CREATE INDEX coverage_failed ON sluice.coverage USING btree (id) WHERE (state = 'failed'::text);

CREATE INDEX coverage_series ON sluice.coverage USING btree (series_id, lower(span));

CREATE INDEX events_orders ON sluice.events USING btree (((data ->> 'subject'::text)), id) WHERE (kind = ANY (ARRAY['operator.paused'::text, 'operator.resumed'::text]));

CREATE INDEX events_pool_at ON sluice.events USING btree (pool, at DESC);

CREATE INDEX events_refused ON sluice.events USING btree (((data ->> 'subject'::text)), at) WHERE (kind = 'limit.refused'::text);

CREATE INDEX jobs_failing ON sluice.jobs USING btree (updated_at) WHERE (failing AND (attempts > 0));

CREATE UNIQUE INDEX jobs_live ON sluice.jobs USING btree (series_id, span) WHERE (state = ANY (ARRAY['intended'::text, 'requested'::text, 'ready'::text]));

CREATE INDEX jobs_span ON sluice.jobs USING btree (series_id, span, requested_at);

CREATE INDEX limit_events_at ON sluice.limit_events USING btree (limit_id, at);

CREATE UNIQUE INDEX limit_overrides_current ON sluice.limit_overrides USING btree (pool, name, COALESCE(key, ''::text)) WHERE (ended_at IS NULL);

CREATE INDEX limit_overrides_name ON sluice.limit_overrides USING btree (name) WHERE (ended_at IS NULL);

CREATE INDEX limits_pool ON sluice.limits USING btree (pool);

CREATE INDEX logins_by_account ON sluice.logins USING btree (account, id);

CREATE INDEX outside_permits_expiry ON sluice.outside_permits USING btree (expires_at);

CREATE INDEX pool_limits_key ON sluice.pool_limits USING btree (limit_key);

CREATE INDEX pools_organization ON sluice.pools USING btree (organization) WHERE (organization IS NOT NULL);

CREATE INDEX reader_buckets_at_idx ON sluice.reader_buckets USING btree (at);

CREATE INDEX rejected_documents_series ON sluice.rejected_documents USING btree (series_id, id);

CREATE INDEX set_aside_rows_series ON sluice.set_aside_rows USING btree (series_id, id);

CREATE INDEX settings_generations_pool ON sluice.settings_generations USING btree (pool, generation DESC);

CREATE OR REPLACE FUNCTION sluice.bucket_full_at(l limits, since double precision)
 RETURNS double precision
 LANGUAGE sql
 STABLE
AS $function$
  select max(w.at + w.units * l.period_ms) from (
    select e.at, sum(e.units) over (order by e.at desc) as units from limit_events e
    where e.limit_id = l.id and e.at > since
  ) w
$function$;

CREATE OR REPLACE FUNCTION sluice.bucket_memory_ms(l limits)
 RETURNS double precision
 LANGUAGE sql
 IMMUTABLE
AS $function$ select case l.unit when 'tokens' then 900000 else 120000 end::double precision $function$;

CREATE OR REPLACE FUNCTION sluice.calendar_end(t double precision, unit text, zone text)
 RETURNS double precision
 LANGUAGE plpgsql
 STABLE
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION sluice.claim_horizon_ms(l limits)
 RETURNS double precision
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select case when l.kind = 'rolling' and l.unit = 'calls' then greatest(10000, l.period_ms + l.slack_ms)
              else 10000 end
$function$;

CREATE OR REPLACE FUNCTION sluice.clock_moves(tab text, cols text[], by text)
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
  select string_agg(case a.atttypid
      when 'timestamptz'::regtype then format('%1$I = %1$I + (%2$s) * interval ''1 millisecond''', a.attname, by)
      else format('%1$I = case when %1$I > 0 then %1$I + (%2$s) else %1$I end', a.attname, by) end, ', ')
  from pg_attribute a where a.attrelid = to_regclass(tab) and a.attname = any (cols)
$function$;

CREATE OR REPLACE FUNCTION sluice.clock_stepped(step double precision, last_good double precision, p_now double precision DEFAULT NULL::double precision)
 RETURNS double precision
 LANGUAGE plpgsql
AS $function$
declare
  t     double precision;
  noted double precision;
  r     record;
begin
  perform pg_advisory_xact_lock(hashtextextended('clock', 46));
  select coalesce(sum(s.step_ms), 0) into noted from clock_steps s
    where s.noticed_at > last_good + s.step_ms - 1000;
  step := step - noted;
  if abs(step) < 500 then return 0; end if;
  -- Blocks first, in the order in which everybody takes them: pools, limits.
  perform pg_advisory_xact_lock(hashtextextended(k.key, 41)) from (select key from pools order by key) k;
  perform 1 from limits order by key for update;
  perform 1 from pools order by key for update;
  t := coalesce(p_now, now_ms());
  insert into clock_steps (noticed_at, step_ms) values (t, step);
  perform record_event('clock.stepped', null, jsonb_build_object('stepMs', round(step)));

  update limit_events set at = at + step;
  update limits l set
    last_at = case when last_at > 0 then last_at + step else 0 end,
    tat = case when tat > 0 then tat + step else 0 end,
    window_from = case when window_from > 0 then window_from + step else 0 end,
    resets_at = case when l.kind = 'calendar' and l.resets_at > t - step then calendar_end(t, l.calendar_unit, l.zone)
                     when l.kind = 'calendar' then l.resets_at
                     else l.resets_at + step end,
    used = case when l.kind = 'calendar' and l.resets_at <= t - step then 0 else l.used end,
    blocked_until = case when blocked_until > 0 then blocked_until + step else 0 end,
    blocked_since = case when blocked_since > 0 then blocked_since + step else 0 end,
    unblocked_at = case when unblocked_at > 0 then unblocked_at + step else 0 end,
    rate_share_at = case when rate_share_at > 0 then rate_share_at + step else 0 end,
    full_at = full_at + step,
    sized_at = case when sized_at > 0 then sized_at + step else 0 end,
    emptied_at = case when emptied_at > 0 then emptied_at + step else 0 end,
    refused_at = case when refused_at > 0 then refused_at + step else 0 end,
    refused_from = case when refused_from > 0 then refused_from + step else 0 end,
    starved_from = case when starved_from > 0 then starved_from + step else 0 end,
    measured_from = case when measured_from > 0 then measured_from + step else 0 end,
    claim_rank = 0, claim_until = 0;
  -- An end that an operator has given as an instant stays one.
  update pools set since_ms = since_ms + step,
    until_ms = case when state = 'held' then until_ms else until_ms + step end,
    probe_until = case when probe_until > 0 then probe_until + step else 0 end;
  for r in select * from clock_times() c order by c.tab loop
    execute format('select from %I where %s order by %s for update', r.tab, r.which, r.ordered);
    execute format('update %I set %s where %s', r.tab,
      clock_moves(r.tab, r.stamps || r.ends || r.lease, '$1'), r.which) using step;
  end loop;
  return step;
end $function$;

CREATE OR REPLACE FUNCTION sluice.clock_times()
 RETURNS TABLE(tab text, stamps text[], ends text[], lease text[], ordered text, which text, swept boolean)
 LANGUAGE sql
 IMMUTABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.late_arrival(p_keys text[], p_units double precision[], granted_at double precision, arrived_at double precision)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  ls limits[];
  l  limits;
  n  double precision;
begin
  select array_agg(x order by x.key) into ls
    from (select * from limits where key = any (p_keys) order by key for update) x;
  for s in 1 .. coalesce(cardinality(ls), 0) loop
    l := ls[s];
    n := p_units[array_position(p_keys, l.key)];
    if l.kind in ('bucket', 'rolling') then
      if limit_move_event(l, n, granted_at, arrived_at) and l.kind = 'bucket' then
        l.tat := greatest(l.tat, bucket_full_at(l, granted_at));
      end if;
    elsif arrived_at >= l.resets_at
          or (granted_at < l.window_from and arrived_at >= l.window_from - 2 * l.slack_ms) then
      l := limit_charge(l, n, 3::smallint, arrived_at, false);
    end if;
    l.last_at := greatest(l.last_at, arrived_at);
    ls[s] := l;
  end loop;
  if ls is not null then perform limits_store(ls); end if;
end $function$;

CREATE OR REPLACE FUNCTION sluice.learn_limit(p_key text, rate double precision, cap double precision, remaining double precision, reset_ms double precision, as_of double precision DEFAULT NULL::double precision, p_now double precision DEFAULT NULL::double precision)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
declare
  l       limits;
  t       double precision;
  by_hand boolean;
  new_cap double precision;
  new_per double precision;
  live    double precision;
  changed boolean;
  shrunk  boolean := false;
  share   double precision;
begin
  -- Most answers announce nothing new and should cost no row lock.
  for pass in 1..2 loop
    if pass = 1 then
      select * into l from limits where key = p_key;
    else
      select * into l from limits where key = p_key for update;
    end if;
    if l.key is null then return false; end if;
    by_hand := l.definition ->> 'source' like 'settings%' or l.override is not null;
    new_cap := case when cap is null or cap <= 0
                      or (by_hand and cap > coalesce(l.override ->> 'capacity', l.definition ->> 'capacity')::float8)
                    then l.capacity else cap end;
    share := l.rate_share;
    if rate is null or rate <= 0 or l.kind <> 'bucket'
       or (by_hand and 1000 / rate < coalesce(l.override ->> 'period_ms', l.definition ->> 'period_ms')::float8) then
      new_per := l.period_ms;
    else
      if 1000 / rate > l.period_ms * share * (1 + 1e-6) then share := least(1, 1000 / rate / l.period_ms); end if;
      new_per := 1000 / rate / share;
    end if;
    changed := new_cap <> l.capacity
            or abs(coalesce(new_per, 0) - coalesce(l.period_ms, 0)) > 1e-6 * coalesce(l.period_ms, 1)
            or share <> l.rate_share;
    if not changed and remaining is null and reset_ms is null then return false; end if;
  end loop;
  t := coalesce(p_now, now_ms());
  if l.full_at <= t then l := limit_refill(l, t); end if;
  if changed then
    shrunk := l.kind = 'bucket' and new_cap < l.capacity;
    l.capacity := new_cap;
    if l.kind = 'bucket' then
      -- The level is kept in units, not in time, when the rate changes; refunds do not reach behind that.
      live := least(l.capacity, greatest(0, l.tat - t) / l.period_ms);
      if shrunk and remaining >= 0 then
        live := least(l.capacity, greatest(l.capacity - remaining,
          (select coalesce(sum(e.units), 0) from limit_events e where e.limit_id = l.id and e.at > coalesce(as_of, t))));
      end if;
      if shrunk or new_per <> l.period_ms then
        delete from limit_events where limit_id = l.id;
        insert into limit_events (limit_id, at, units) values (l.id, least(t, l.tat), live);
        l.tat := case when live > 0 or l.tat > t then t + live * new_per else l.tat end;
      end if;
      if shrunk or new_per > l.period_ms then l.sized_at := t; end if;
      l.full_at := null;
    end if;
    l.period_ms := new_per;
    l.rate_share := share;
  end if;
  if l.kind = 'calendar' and calendar_end(t - l.slack_ms, l.calendar_unit, l.zone) <= t then
    remaining := null;  -- just after the turn nobody knows of which window the vendor speaks
  elsif l.kind in ('calendar', 'vendor') and t >= l.resets_at and (remaining is not null or reset_ms is not null) then
    l.used := 0; l.window_from := l.resets_at; l.resets_at := null;
  end if;
  if remaining is not null and remaining >= 0 then
    if l.kind = 'bucket' then
      live := greatest(0, l.tat - t) / l.period_ms;
      if l.capacity - remaining > live then
        l.tat := t + (l.capacity - remaining) * l.period_ms;
        -- What the vendor has counted is not refunded for what we had estimated.
        insert into limit_events (limit_id, at, units) values (l.id, t, l.capacity - remaining - live);
      end if;
    elsif l.kind = 'rolling' then
      live := (select coalesce(sum(e.units), 0) from limit_events e
               where e.limit_id = l.id and e.at > t - l.period_ms - l.slack_ms);
      if l.capacity - remaining > live then
        insert into limit_events (limit_id, at, units) values (l.id, t, l.capacity - remaining - live);
        l.used := l.used + (l.capacity - remaining - live);
      end if;
    elsif coalesce(as_of, t) >= l.window_from then
      l.used := greatest(l.used, l.capacity - remaining);
      if l.kind = 'calendar' and l.resets_at is null then
        l.resets_at := calendar_end(t, l.calendar_unit, l.zone);
      end if;
    end if;
  end if;
  if reset_ms is not null and reset_ms > 0 and l.kind = 'vendor' then l.resets_at := t + reset_ms; end if;
  if reset_ms is not null and reset_ms > 0 and l.kind = 'bucket' and l.rate_share = 1 then
    l.full_at := case when t + reset_ms < l.tat then t + reset_ms end;
  end if;
  update limits set capacity = l.capacity, period_ms = l.period_ms, tat = l.tat, used = l.used, full_at = l.full_at,
    rate_share = l.rate_share, sized_at = l.sized_at, window_from = l.window_from, resets_at = l.resets_at, source = case when changed then 'header' else source end
  where id = l.id;
  return changed;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_ahead(l limits, t double precision, lead double precision)
 RETURNS boolean
 LANGUAGE sql
 STABLE
AS $function$
  select l.last_at > t + lead + 2000
      or l.window_from > t + lead + 2000
      or (l.kind = 'bucket' and l.tat > t + lead + 2 * l.capacity * l.period_ms + bucket_memory_ms(l))
      or (l.claim_until > t + lead + 10000 and l.claim_until > t + lead + claim_horizon_ms(l) + 2000)
      or (l.kind = 'calendar' and l.used >= l.capacity and l.resets_at > t + lead + 2000
          -- A permit may have been given ahead for the next window already, by a longer lead than this caller's.
          and l.resets_at > calendar_end(greatest(t + lead, l.last_at), l.calendar_unit, l.zone) + 1)
$function$;

CREATE OR REPLACE FUNCTION sluice.limit_charge(l limits, units double precision, rank smallint, t double precision, over boolean)
 RETURNS limits
 LANGUAGE plpgsql
AS $function$
begin
  if l.kind = 'bucket' then
    if l.full_at <= t then
      l := limit_refill(l, t);
    elsif l.full_at is not null and not over then
      -- The vendor did not know of this one.
      l.full_at := l.full_at + units * l.period_ms;
    end if;
    -- A bucket that only watches refuses as a real one would, or it would run ahead without end.
    if units > 0 and not over then l.tat := greatest(l.tat, t) + units * l.period_ms; end if;
  elsif l.kind = 'rolling' then
    l.used := l.used + units;
  else
    if l.resets_at is not null and t >= l.resets_at then
      l.used := 0;
      l.resets_at := null;
      l.window_from := t;
    end if;
    l.used := l.used + units;
    if l.kind = 'calendar' and l.resets_at is null then
      l.resets_at := calendar_end(t, l.calendar_unit, l.zone);
    end if;
  end if;
  if units > 0 and (l.kind = 'rolling' or (l.kind = 'bucket' and not over)) then
    insert into limit_events (limit_id, at, units) values (l.id, t, units);
  end if;
  l.last_at := greatest(l.last_at, t);
  l.granted_calls := l.granted_calls + 1;
  l.granted_units := l.granted_units + units;
  if over then l.shadow_over := l.shadow_over + 1; end if;
  if l.claim_rank <= rank then l.claim_rank := 0; l.claim_until := 0; end if;
  return l;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_forget(l limits, t double precision)
 RETURNS limits
 LANGUAGE plpgsql
AS $function$
declare
  gone double precision;
begin
  if l.kind = 'rolling' and l.used * 2 > l.capacity then
    -- Only then: with room to spare, what has left the window stands in nobody's way.
    with d as (delete from limit_events e where e.limit_id = l.id
               and e.at <= t - l.period_ms - l.slack_ms returning e.units)
    select sum(d.units) into gone from d;
    if gone is not null then l.used := l.used - gone; end if;
  elsif l.kind = 'bucket' and floor(t / 60000) > floor(l.last_at / 60000) then
    -- Once a minute is often enough.
    delete from limit_events e where e.limit_id = l.id and e.at < t - bucket_memory_ms(l);
  end if;
  return l;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_mended(l limits, t double precision)
 RETURNS limits
 LANGUAGE plpgsql
AS $function$
declare
  ahead double precision := greatest(0, l.last_at - t);
begin
  perform record_event('limit.clock_ahead', l.pool, jsonb_build_object('limit', l.key,
    'aheadMs', round(greatest(ahead, l.window_from - t, l.claim_until - t,
      case l.kind when 'bucket' then l.tat - t
                  when 'calendar' then l.resets_at - calendar_end(t, l.calendar_unit, l.zone) end))));
  if ahead > 0 then
    update limit_events e set at = least(e.at - ahead, t) where e.limit_id = l.id;
    l.tat := l.tat - ahead;
    l.full_at := l.full_at - ahead;
    if l.kind = 'vendor' then l.resets_at := greatest(t, l.resets_at - ahead); end if;
  else
    update limit_events e set at = t where e.limit_id = l.id and e.at > t;
  end if;
  if l.kind = 'bucket' and l.tat > t + l.capacity * l.period_ms then l.tat := t + l.capacity * l.period_ms; end if;
  if l.kind = 'calendar' and l.resets_at is not null then
    l.resets_at := calendar_end(t, l.calendar_unit, l.zone);
  end if;
  update limits x set rate_share_at = least(x.rate_share_at, t), unblocked_at = least(x.unblocked_at, t),
      sized_at = least(x.sized_at, t), refused_at = least(x.refused_at, t), emptied_at = least(x.emptied_at, t),
      refused_from = least(x.refused_from, t), starved_from = least(x.starved_from, t),
      measured_from = least(x.measured_from, t)
    where x.id = l.id and (ahead > 0 or greatest(x.rate_share_at, x.unblocked_at, x.sized_at, x.refused_at, x.emptied_at) > t);
  l.last_at := least(l.last_at, t);
  l.window_from := least(l.window_from, t);
  l.claim_rank := 0;
  l.claim_until := 0;
  return l;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_move_event(l limits, n double precision, from_at double precision, to_at double precision)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  update limit_events e set at = to_at
    where e.ctid = (select f.ctid from limit_events f
                    where f.limit_id = l.id and f.at = from_at and f.units = n limit 1);
  return found;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_ready_at(l limits, units double precision, rank smallint, t double precision)
 RETURNS double precision
 LANGUAGE plpgsql
 STABLE
AS $function$
declare
  share      double precision := case rank when 0 then l.share_background when 1 then l.share_scheduled
                              when 2 then l.share_live else 1 end;
  -- A reserve may not make a call impossible that the limit as such could hold.
  cap        double precision := greatest(l.capacity * share, least(units, l.capacity));
  ready      double precision := greatest(t, l.last_at);
  held       double precision := l.used;
  window_end double precision := l.resets_at;
  over       double precision;
  edge       double precision;
begin
  if units > l.capacity then return 'infinity'; end if;
  if l.kind = 'bucket' then
    if units > 0 then
      ready := greatest(ready, least(l.tat + l.slack_ms - (cap - units) * l.period_ms, l.full_at + l.slack_ms));
    end if;
  elsif l.kind = 'rolling' then
    over := l.used + units - cap;
    if over > 0 and units > 0 then
      -- Walk the log from its oldest entry until enough units have left the window.
      select w.at into edge from (
        select e.at, sum(e.units) over (order by e.at) as freed from limit_events e
        where e.limit_id = l.id order by e.at
      ) w where w.freed >= over limit 1;
      ready := greatest(ready, coalesce(edge, l.last_at) + l.period_ms + l.slack_ms);
    end if;
  else -- calendar, vendor
    if window_end is not null and ready >= window_end then
      held := 0;
      -- The vendor may still count in the old window just after it has turned.
      ready := greatest(ready, window_end + l.slack_ms);
      window_end := null;
    end if;
    if window_end is null and l.kind = 'calendar' then
      window_end := calendar_end(ready, l.calendar_unit, l.zone);
    end if;
    if held + units > cap and units > 0 then
      -- Until the vendor has stated when it resets, nothing helps but another call.
      ready := coalesce(window_end + l.slack_ms, ready + 60000);
    elsif window_end is not null and ready > window_end - l.slack_ms then
      -- A call that leaves now may arrive in the next window.
      ready := window_end + l.slack_ms;
    end if;
  end if;
  return greatest(ready, l.blocked_until);
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_recover(p_key text, p_now double precision DEFAULT NULL::double precision, departed double precision DEFAULT NULL::double precision)
 RETURNS double precision
 LANGUAGE plpgsql
AS $function$
declare
  l    limits;
  t    double precision := coalesce(p_now, now_ms());
  step double precision;
  pause double precision;
  grown integer;
begin
  -- Most limits are at their full rate, and to see that should cost no row lock.
  if not exists (select 1 from limits where key = p_key and rate_share < 1 and t - rate_share_at >= 1000
                 and (departed is null or departed > refused_at)) then
    return null;
  end if;
  select * into l from limits where key = p_key for update;
  if l.rate_share >= 1 or departed <= l.refused_at then return null; end if;
  if l.rate_ramp then
    if t - l.rate_share_at < 1000 then return null; end if;
    step := 3 * l.rate_share;
  else
    pause := 10 * l.refused_cost * l.period_ms;
    if t - l.rate_share_at < greatest(10000, pause) then return null; end if;
    -- Where ten calls take long, the steps grow at once: there are few of them.
    grown := case when pause > 10000 then l.rate_raises else greatest(0, l.rate_raises - 11) end;
    step := least(0.25 * l.rate_share, least(0.01, 0.02 * l.rate_share) * 2 ^ least(20, grown));
  end if;
  l := limit_with_share(l, least(1, l.rate_share + step), t);
  update limits set rate_raises = rate_raises + 1, rate_ramp = l.rate_ramp and l.rate_share < 1 where id = l.id;
  return 1000 / l.period_ms;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_refill(l limits, t double precision)
 RETURNS limits
 LANGUAGE plpgsql
AS $function$
begin
  if l.full_at <= t then
    delete from limit_events e where e.limit_id = l.id and e.at < l.full_at;
    l.tat := least(l.tat, l.full_at);
    l.full_at := null;
  end if;
  return l;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_refused(p_key text, departed double precision, p_now double precision DEFAULT NULL::double precision, cost double precision DEFAULT 1, wait_ms double precision DEFAULT NULL::double precision)
 RETURNS double precision
 LANGUAGE plpgsql
AS $function$
declare
  l      limits;
  t      double precision;
  unused double precision;  -- ms for which our bucket has been refilling without being used
  took   double precision;
  before double precision;  -- the last discovery
  since  double precision;  -- the one from which on it is measured
  few    constant double precision := 5 * greatest(cost, 1);
  share  double precision;
  lowest double precision;
begin
  select * into l from limits where key = p_key for update;
  t := coalesce(p_now, now_ms());
  -- A call that takes nothing of this bucket says nothing of it.
  if l.key is null or l.kind <> 'bucket' or l.mode = 'shadow' or cost <= 0 then return null; end if;
  cost := greatest(0, least(cost, l.capacity));

  if departed <= l.refused_at then
    if departed <= l.refused_from or l.refused_took is null then return null; end if;
    l.refused_took := l.refused_took - cost;
    update limits set refused_took = l.refused_took where id = l.id;
    share := greatest(l.rate_floor, measured_share(l));
    if share >= l.rate_share then return null; end if;
    perform limit_with_share(l, share, t);
    return 1000 / (l.period_ms * l.rate_share / share);
  end if;

  if l.full_at <= t then l := limit_refill(l, t); end if;
  unused := (l.capacity - greatest(0, l.tat - t) / l.period_ms) * l.period_ms;
  before := l.refused_at;
  took := l.granted_units - l.refused_mark - cost;
  share := l.rate_share;
  lowest := l.rate_share / case when l.rate_ramp then 4 else 10 end;
  since := case when took < few and l.starved_from > 0 then l.starved_from else before end;
  l.refused_from := before;
  l.measured_from := since;
  l.refused_took := null;
  if departed > l.sized_at then
    -- Of nothing that was admitted no burst can have been; nor is it one where hardly more than a wait has gone by, in which
    -- a few callers use less than all that there is.
    if unused <= greatest(2000, 2 * cost * l.period_ms)
       or (before > 0 and (took <= 0 or (wait_ms >= 1000 and t - before <= 2 * wait_ms))) then
      share := share * 0.9;
      -- Two discoveries within a second measure nothing, and what an hour held was not all demand, but of a slow rate.
      if before > 0 and t - before >= 1000
         and t - since <= greatest(3600000, 50 * l.period_ms, 8 * (before - since)) then
        l.refused_took := took;
      end if;
    end if;
    if took > 0 or l.starved_from = 0 then l.starved_from := t; end if;
    l.refused_at := t;
    l.refused_mark := l.granted_units;
    l.refused_cost := cost;
    if l.refused_took is not null then
      l.rate_ramp := l.refused_took <= 0;
      if l.rate_ramp then
        lowest := greatest(lowest, least(l.rate_share,
          cost * l.period_ms * l.rate_share
            / greatest(300000, 2 * coalesce(wait_ms, 0),
                       (t - l.starved_from) / case when t - l.starved_from > 3600000 then 2 else 4 end)));
      elsif since < before then
        lowest := 0;
      end if;
      share := greatest(lowest, least(share, measured_share(l)));
    elsif t - before >= 1000 and wait_ms >= 1000 and 10 * cost / wait_ms * l.period_ms < 1 then
      share := least(share, greatest(1e-9, l.rate_share * 10 * cost / wait_ms * l.period_ms));
      l.rate_ramp := true;
    end if;
    l.rate_floor := lowest;
  end if;
  share := greatest(1e-9, share);
  lowest := l.rate_share;
  if share < lowest then l := limit_with_share(l, share, t); end if;

  if l.tat < t + l.capacity * l.period_ms then
    insert into limit_events (limit_id, at, units)
    values (l.id, t, l.capacity - greatest(0, l.tat - t) / l.period_ms);
  end if;
  l.tat := greatest(l.tat, t + (l.capacity - cost) * l.period_ms + greatest(coalesce(wait_ms, 0), cost * l.period_ms));
  update limits set tat = l.tat, full_at = null, emptied_at = t, refused_at = l.refused_at, refused_from = l.refused_from,
    refused_took = l.refused_took, refused_mark = l.refused_mark, refused_cost = l.refused_cost,
    starved_from = l.starved_from, measured_from = l.measured_from, rate_floor = l.rate_floor, rate_ramp = l.rate_ramp, rate_raises = 0
  where id = l.id;
  return case when share < lowest then 1000 / l.period_ms end;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limit_with_share(l limits, share double precision, t double precision)
 RETURNS limits
 LANGUAGE plpgsql
AS $function$
declare
  new_per double precision := l.period_ms * l.rate_share / share;
  live    double precision := least(l.capacity, greatest(0, l.tat - t) / l.period_ms);
begin
  -- Refunds do not reach behind a change of the rate.
  delete from limit_events where limit_id = l.id;
  insert into limit_events (limit_id, at, units) values (l.id, least(t, l.tat), live);
  if live > 0 then l.tat := t + live * new_per; end if;
  l.period_ms := new_per;
  l.rate_share := share;
  l.rate_share_at := t;
  update limits set tat = l.tat, period_ms = l.period_ms, rate_share = l.rate_share, rate_share_at = l.rate_share_at
  where id = l.id;
  return l;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limits_overridden()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  o limit_overrides;
begin
  select x.* into o from limit_overrides x
  where x.ended_at is null and x.name = new.name
    and (x.key = new.key or x.key is null
         and (x.pool = new.pool or exists (select 1 from pool_limits p where p.pool = x.pool and p.limit_key = new.key)))
  order by x.key nulls last limit 1;
  if o.id is null then
    new.override := null;
  else
    new.override := o.change || jsonb_build_object('id', o.id, 'author', o.author, 'reason', o.reason, 'at', o.at);
    new.capacity := coalesce((o.change ->> 'capacity')::float8, new.capacity);
    new.mode := coalesce(o.change ->> 'mode', new.mode);
    new.source := 'operator';
    if new.kind = 'bucket' and o.change ? 'period_ms' then new.period_ms := (o.change ->> 'period_ms')::float8; end if;
    if tg_op = 'UPDATE' and new.kind = 'bucket' and old.kind = 'bucket' and old.tat > now_ms() then
      new.tat := now_ms() + least((old.tat - now_ms()) / old.period_ms, new.capacity) * new.period_ms;
    end if;
  end if;
  if tg_op = 'UPDATE' and (new.kind, new.capacity, new.period_ms, new.calendar_unit, new.zone, new.mode)
       is distinct from (old.kind, old.capacity, old.period_ms, old.calendar_unit, old.zone, old.mode) then
    new.claim_rank := 0;
    new.claim_until := 0;
  end if;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limits_redefined()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.rate_share := 1;
  new.rate_share_at := 0;
  new.rate_ramp := false;
  new.refused_at := 0;
  new.emptied_at := 0;
  new.refused_took := null;
  new.full_at := null;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION sluice.limits_store(changed limits[])
 RETURNS void
 LANGUAGE sql
 SET enable_seqscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
  update limits x set last_at = n.last_at, tat = n.tat, full_at = n.full_at, used = n.used, window_from = n.window_from,
    resets_at = n.resets_at, claim_rank = n.claim_rank, claim_until = n.claim_until,
    granted_calls = n.granted_calls, granted_units = n.granted_units, shadow_over = n.shadow_over
  from unnest(changed) n where x.id = n.id
$function$;

CREATE OR REPLACE FUNCTION sluice.measured_share(l limits)
 RETURNS double precision
 LANGUAGE sql
 IMMUTABLE
AS $function$
  select greatest(1e-9, greatest(l.refused_took, l.refused_cost / 2) / (l.refused_at - l.measured_from)
                        * l.period_ms * l.rate_share)
$function$;

CREATE OR REPLACE FUNCTION sluice.now_ms()
 RETURNS double precision
 LANGUAGE sql
AS $function$ select extract(epoch from clock_timestamp())::double precision * 1000 $function$;

CREATE OR REPLACE FUNCTION sluice.pools_mended(ps pools[], t double precision)
 RETURNS pools[]
 LANGUAGE plpgsql
AS $function$
declare
  recorded bigint;
begin
  with ahead as (
    update pools p set since_ms = t,
      until_ms = case when p.state = 'held' then p.until_ms else p.until_ms - (p.since_ms - t) end,
      probe_until = case when p.probe_until > 0 then p.probe_until - (p.since_ms - t) else 0 end
    from unnest(ps) x where p.key = x.key and x.state <> 'closed' and x.since_ms > t
    returning p.key, x.since_ms - t as ms)
  select count(record_event('pool.clock_ahead', a.key, jsonb_build_object('aheadMs', round(a.ms)))::text) into recorded
    from ahead a;
  return (select array_agg(p order by p.key) from pools p where p.key in (select x.key from unnest(ps) x));
end $function$;

CREATE OR REPLACE FUNCTION sluice.record_event(kind text, pool text, data jsonb)
 RETURNS void
 LANGUAGE sql
AS $function$
  insert into events (kind, pool, data) values (kind, pool, data)
$function$;

CREATE OR REPLACE FUNCTION sluice.report_refused(p_keys text[], departed double precision, wait_ms double precision, why text DEFAULT ''::text, cost double precision DEFAULT 1)
 RETURNS double precision
 LANGUAGE plpgsql
AS $function$
declare
  t     double precision;
  later double precision;
begin
  if wait_ms is null or not wait_ms between 0 and 31 * 86400000.0 then
    raise exception 'wait_ms is a time from 0 to 31 days, not %', wait_ms using errcode = '22023';
  end if;
  perform 1 from limits where key = any (p_keys) order by key for update;
  -- In a statement of its own: the locks may have been waited for.
  t := now_ms();
  update limits set blocked_since = case when blocked_until > t then blocked_since else t end,
    blocked_reason = case when t + wait_ms > blocked_until then why else blocked_reason end,
    blocked_until = greatest(blocked_until, t + wait_ms)
  where key = any (p_keys) and departed >= unblocked_at;
  perform limit_refused(k, departed, null, cost, wait_ms) from (select unnest(p_keys) k order by 1) x;
  select max(blocked_until) into later from limits where key = any (p_keys);
  return greatest(later, t);
end $function$;

CREATE OR REPLACE FUNCTION sluice.restamp_permit(p_keys text[], p_units double precision[], granted_at double precision, ahead double precision, p_pool text DEFAULT NULL::text, p_epoch bigint DEFAULT NULL::bigint, p_now double precision DEFAULT NULL::double precision, p_organization_epoch bigint DEFAULT NULL::bigint, p_within double precision DEFAULT 0)
 RETURNS double precision
 LANGUAGE plpgsql
AS $function$
declare
  ls    limits[];
  l     limits;
  n     double precision;
  t     double precision;
  later double precision;
  till  double precision;  -- the latest that it may leave
  fits  boolean;
begin
  -- As in take_permits: a block that is being written comes first.
  perform pg_advisory_xact_lock_shared(hashtextextended(k, 41))
    from (select p_pool as k union all select organization from pools where key = p_pool) x where k is not null;
  if p_pool is not null and not exists (
    select 1 from pools p left join pools o on o.key = p.organization
    where p.key = p_pool and p.epoch = p_epoch
      and (p_organization_epoch is null or coalesce(o.epoch, 0) = p_organization_epoch)) then
    return null;
  end if;
  select array_agg(x order by x.key) into ls
    from (select * from limits where key = any (p_keys) order by key for update) x;
  t := coalesce(p_now, now_ms());
  later := t + ahead;
  if ls is null then return later; end if;
  -- As in take_permits: departures never go back.
  select greatest(later, max(x.last_at)) into later from unnest(ls) x;
  till := later + p_within;

  for s in 1 .. cardinality(ls) loop
    l := ls[s];
    n := p_units[array_position(p_keys, l.key)];
    fits := case
      when l.mode = 'shadow' then true
      when l.kind = 'bucket' then
        granted_at > t - bucket_memory_ms(l)
        and greatest(l.tat, bucket_full_at(l, granted_at) + n * l.period_ms + l.slack_ms)
            <= later + l.capacity * l.period_ms
      when l.kind = 'rolling' then
        n + (select coalesce(sum(e.units), 0) - case when granted_at > later - l.period_ms - l.slack_ms then n else 0 end
             from limit_events e where e.limit_id = l.id and e.at > later - l.period_ms - l.slack_ms) <= l.capacity
      when granted_at >= l.window_from and (l.resets_at is null or till <= l.resets_at - l.slack_ms) then true
      when later < l.resets_at and till > l.resets_at - l.slack_ms and p_within > 0 then false
      else limit_ready_at(l, n, 3::smallint, later) <= later and limit_ready_at(l, n, 3::smallint, till) <= till
    end;
    if l.blocked_until > later or not fits then return null; end if;
  end loop;
  for s in 1 .. cardinality(ls) loop
    l := ls[s];
    n := p_units[array_position(p_keys, l.key)];
    if l.kind in ('bucket', 'rolling') then
      if not limit_move_event(l, n, granted_at, till) and l.kind = 'rolling' and n > 0 then
        insert into limit_events (limit_id, at, units) values (l.id, till, n);
        l.used := l.used + n;
      elsif l.kind = 'bucket' then
        l.tat := greatest(l.tat, till + n * l.period_ms, bucket_full_at(l, granted_at));
      end if;
    elsif granted_at < l.window_from or till > l.resets_at - l.slack_ms then
      l := limit_charge(l, n, 3::smallint, till, false);
    end if;
    l.last_at := later;
    ls[s] := l;
  end loop;
  perform limits_store(ls);
  return later;
end $function$;

CREATE OR REPLACE FUNCTION sluice.return_unused(p_keys text[], p_units double precision[], granted_at double precision)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  l limits;
  n double precision;
begin
  for l in select * from limits x
           where x.key = any (p_keys) and x.kind in ('calendar', 'vendor', 'rolling') order by x.key for update loop
    n := p_units[array_position(p_keys, l.key)];
    if l.kind <> 'rolling' then
      perform settle_units(l.key, -n, granted_at);
      continue;
    end if;
    delete from limit_events e
      where e.ctid = (select f.ctid from limit_events f
                      where f.limit_id = l.id and f.at = granted_at and f.units = n limit 1);
    continue when not found;
    l.used := l.used - n;
    l.granted_units := l.granted_units - n;
    perform limits_store(array[l]);
  end loop;
end $function$;

CREATE OR REPLACE FUNCTION sluice.rows_mended()
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION sluice.settle_units(p_key text, delta double precision, granted_at double precision, p_now double precision DEFAULT NULL::double precision)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
  l limits;
  t double precision;
begin
  select * into l from limits where key = p_key for update;
  if l.key is null or delta = 0 then return; end if;
  t := coalesce(p_now, now_ms());
  if l.kind = 'bucket' then
    -- Without its charges of that time a refund is not known to be right; and of a bucket that a refusal has shown to be
    -- empty nothing comes back, nor does a wait that the vendor has stated become shorter.
    if delta < 0 and granted_at <= greatest(t - bucket_memory_ms(l), l.emptied_at) then return; end if;
    insert into limit_events (limit_id, at, units) values (l.id, granted_at, delta);
    -- A refund cannot reach what was charged after the bucket had run empty in between.
    l.tat := greatest(l.tat + delta * l.period_ms, bucket_full_at(l, granted_at));
    if delta > 0 then l.full_at := l.full_at + delta * l.period_ms; end if;
  elsif l.kind = 'rolling' then
    -- Charged where the call was: the window must lose it when the call leaves it.
    if granted_at <= t - l.period_ms - l.slack_ms then return; end if;
    insert into limit_events (limit_id, at, units) values (l.id, granted_at, delta);
    l.used := l.used + delta;
  elsif granted_at >= l.window_from and (l.resets_at is null or t < l.resets_at) then
    l.used := greatest(0, l.used + delta);
  else
    return;
  end if;
  l.granted_units := l.granted_units + delta;
  perform limits_store(array[l]);
end $function$;

CREATE OR REPLACE FUNCTION sluice.take_permits(reqs jsonb, lead double precision, p_now double precision DEFAULT NULL::double precision, p_expected double precision DEFAULT NULL::double precision)
 RETURNS TABLE(idx integer, granted boolean, depart_at double precision, retry_at double precision, denied_by text, pool_state text, epoch bigint, probe boolean, failures integer, now double precision, stopped_by text, organization_epoch bigint)
 LANGUAGE plpgsql
 SET enable_seqscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  asked    double precision := coalesce(p_now, now_ms());
  t        double precision;
  keys     text[];
  ls       limits[];      -- the limits of the batch in the order of their keys, as they stand
  changed  boolean[];
  pool_ids text[];
  ps       pools[];
  req      record;
  p        pools;         -- the pool
  o        pools;         -- its organization's; all null without one
  g        pools;         -- the one of the two that is checked
  l        limits;
  ready    double precision;
  worst    double precision;  -- when all limits are ready
  again    double precision;  -- when it is worth asking again
  probed   double precision;
  binding  integer;
begin
  -- A request that was under way for long looks like a clock that has gone ahead; the caller distinguishes them.
  if p_expected is not null and abs(asked - p_expected) > 1000 then
    raise exception 'the clock is not what was expected' using errcode = 'SL003';
  end if;
  select array_agg(distinct c.value ->> 'key' order by c.value ->> 'key') into keys
    from jsonb_array_elements(reqs) r, jsonb_array_elements(r.value -> 'charges') c;
  select array_agg(distinct r.value ->> 'pool' order by r.value ->> 'pool') into pool_ids
    from jsonb_array_elements(reqs) r where r.value ->> 'pool' is not null;
  if exists (select 1 from pools x where x.key = any (pool_ids) and x.organization is not null) then
    select array_agg(distinct k.key order by k.key) into pool_ids from (
      select unnest(pool_ids) as key union all
      select x.organization from pools x where x.key = any (pool_ids) and x.organization is not null) k;
  end if;

  -- A block that is being written waits for the takers before it and stops those after it; takers do not wait for
  -- one another here.
  perform pg_advisory_xact_lock_shared(hashtextextended(k, 41)) from unnest(pool_ids) k;
  -- Locks in the order of keys, so that two batches cannot wait for each other.
  select array_agg(x order by x.key) into ls
    from (select * from limits where key = any (keys) order by key for update) x;
  if coalesce(cardinality(ls), 0) < cardinality(keys) then
    raise exception 'limit "%" is not registered',
      (select k from unnest(keys) k where not exists (select 1 from limits where key = k) limit 1)
      using errcode = 'SL002';
  end if;
  select array_agg(x order by x.key) into ps from pools x where x.key = any (pool_ids);
  if coalesce(cardinality(ps), 0) < cardinality(pool_ids) then
    raise exception 'pool "%" is not registered',
      (select k from unnest(pool_ids) k where not exists (select 1 from pools where key = k) limit 1)
      using errcode = 'SL001';
  end if;
  if exists (select 1 from unnest(ps) x where x.state <> 'closed') then
    -- Only a pool that is not closed is worth a row lock: its probe must be one.
    select array_agg(x order by x.key) into ps
      from (select * from pools where key = any (pool_ids) order by key for update) x;
  end if;

  t := coalesce(p_now, now_ms());
  -- It may have stepped while the locks were waited for, too.
  if p_expected is not null and (t < asked or t > asked + 2000) then
    raise exception 'the clock is not what was expected' using errcode = 'SL003';
  end if;
  if exists (select 1 from unnest(ps) x where x.state <> 'closed' and x.since_ms > t + lead + 2000) then
    ps := pools_mended(ps, t);
  end if;
  changed := array_fill(false, array[coalesce(cardinality(ls), 0)]);
  for s in 1 .. coalesce(cardinality(ls), 0) loop
    if limit_ahead(ls[s], t, lead) then ls[s] := limit_mended(ls[s], t); changed[s] := true; end if;
    l := limit_forget(ls[s], t);
    if l.used <> (ls[s]).used then ls[s] := l; changed[s] := true; end if;
  end loop;

  for req in
    with r as materialized (
      select (ordinality - 1)::integer as i, value ->> 'pool' as pool, (value ->> 'rank')::smallint as rank,
             value -> 'charges' as charges
      from jsonb_array_elements(reqs) with ordinality
    ), c as (
      select r.i, array_position(keys, x.key) as slot, sum(coalesce(x.units, 1)) as units
      from r, jsonb_to_recordset(r.charges) as x (key text, units double precision) group by r.i, x.key
    )
    select r.i, array_position(pool_ids, r.pool) as pool, r.rank, c.slots, c.units
    from r left join (select c.i, array_agg(c.slot order by c.slot) as slots,
                             array_agg(c.units order by c.slot) as units from c group by c.i) c using (i)
    order by r.rank desc, r.i
  loop
    idx := req.i; granted := false; depart_at := null; retry_at := null; denied_by := null;
    probe := false; now := t; pool_state := 'closed'; epoch := 0; failures := 0;
    stopped_by := null; organization_epoch := 0;

    if req.pool is not null then
      p := ps[req.pool];
      o := null;
      if p.organization is not null then o := ps[array_position(pool_ids, p.organization)]; end if;
      pool_state := p.state; epoch := p.epoch; failures := p.failures; organization_epoch := coalesce(o.epoch, 0);
      -- The organization first: while it is stopped, no probe of a pool of its own is to be spent.
      foreach g in array array[o, p] loop
        continue when g.key is null;
        if g.state in ('held', 'quota_paused', 'open') and (g.until_ms is null or t < g.until_ms) then
          retry_at := g.until_ms; denied_by := 'pool';
        elsif g.state <> 'closed' and g.probe_until > t then
          retry_at := g.probe_until; denied_by := 'probe';
        end if;
        exit when denied_by is not null;
      end loop;
      if denied_by is not null then
        pool_state := g.state; stopped_by := g.key;
        return next; continue;
      end if;
    end if;

    -- Readiness is checked again at the latest time found, for a limit that was ready before may not be then (the
    -- edge of a calendar window); two rounds settle all but pathological cases, which are denied and requested again.
    worst := t; again := t; binding := null;
    for round in 1..3 loop
      probed := worst;
      for j in 1 .. coalesce(cardinality(req.slots), 0) loop
        l := ls[req.slots[j]];
        -- A limit that only watches does not wait, except when the vendor itself has refused.
        ready := case l.mode when 'shadow' then l.blocked_until
                 else limit_ready_at(l, req.units[j], req.rank, probed) end;
        again := greatest(again, ready);
        if l.claim_rank > req.rank and l.claim_until > greatest(ready, probed) and l.mode = 'enforce' then
          -- Whoever claimed it comes for it 100 ms before the claim ends, and then it may be free again.
          ready := l.claim_until;
          again := greatest(again, l.claim_until - 90, t + lead + 10);
        end if;
        if ready > worst then worst := ready; binding := req.slots[j]; end if;
      end loop;
      exit when worst = probed or worst > t + lead;
      if round = 3 then worst := greatest(worst, t + lead + 1); again := worst; end if;
    end loop;

    if worst > t + lead then
      retry_at := again; denied_by := (ls[binding]).key;
      -- A more important caller that waits a little marks what it waits for, and lower ranks stand back until then.
      if req.rank > 0 and worst < t + claim_horizon_ms(ls[binding]) then
        l := ls[binding];
        if l.claim_rank <= req.rank or l.claim_until < t then
          l.claim_rank := req.rank; l.claim_until := worst + 100;
          ls[binding] := l; changed[binding] := true;
        end if;
      end if;
      return next; continue;
    end if;

    granted := true; depart_at := worst;
    for j in 1 .. coalesce(cardinality(req.slots), 0) loop
      l := ls[req.slots[j]];
      ls[req.slots[j]] := limit_charge(l, req.units[j], req.rank, depart_at,
        l.mode = 'shadow' and limit_ready_at(l, req.units[j], req.rank, depart_at) > depart_at);
      changed[req.slots[j]] := true;
    end loop;
    if req.pool is not null then
      foreach g in array array[o, p] loop
        continue when g.key is null or g.state = 'closed';
        -- Each probe has an epoch of its own, so that one taken for lost cannot speak for the next.
        update pools x set state = 'half_open', epoch = x.epoch + 1, until_ms = null,
          since_ms = case when x.state = 'half_open' then x.since_ms else t end,
          reason = case when x.state = 'half_open' then x.reason else 'probing after: ' || x.reason end,
          -- An organization's probe takes as long as this account's calls may take.
          probe_until = depart_at + coalesce(greatest((x.policy ->> 'probeTimeoutMs')::double precision,
                                                      (p.policy ->> 'probeTimeoutMs')::double precision), 120000)
        where x.key = g.key returning x.* into g;
        ps[array_position(pool_ids, g.key)] := g;
        probe := true;
        if g.key = p.key then pool_state := g.state; epoch := g.epoch;
        else organization_epoch := g.epoch; end if;
      end loop;
    end if;
    return next;
  end loop;

  if true = any (changed) then
    perform limits_store(array(select ls[s] from generate_series(1, cardinality(ls)) s where changed[s]));
  end if;
end $function$;

create view devices as
 SELECT account,
    device_id,
    name,
    type,
    sim,
    device_group,
    last_active_at,
    expires_at,
    free,
    listed_at,
    removed_at
   FROM fleet_devices;

create view latest_positions as
 SELECT d.account,
    d.device_id,
    d.name,
    p.at,
    p.arrived_at,
    p.latitude,
    p.longitude,
    p.speed,
    p.course,
    p.odometer,
    p.status,
    p.status_text,
    p.alarm,
    p.moving,
    p.source
   FROM fleet_devices d
     CROSS JOIN LATERAL ( SELECT c.rank,
            c.account,
            c.device_id,
            c.at,
            c.arrived_at,
            c.latitude,
            c.longitude,
            c.speed,
            c.course,
            c.odometer,
            c.status,
            c.status_text,
            c.alarm,
            c.moving,
            c.source,
            c.stored_at
           FROM (( SELECT 0 AS rank,
                    f.account,
                    f.device_id,
                    f.at,
                    f.arrived_at,
                    f.latitude,
                    f.longitude,
                    f.speed,
                    f.course,
                    f.odometer,
                    f.status,
                    f.status_text,
                    f.alarm,
                    f.moving,
                    f.source,
                    f.stored_at
                   FROM fleet_positions f
                  WHERE f.account = d.account AND f.device_id = d.device_id AND f.at <= (now() + 'P1D'::interval)
                  ORDER BY f.at DESC
                 LIMIT 1)
                UNION ALL
                ( SELECT 1 AS rank,
                    f.account,
                    f.device_id,
                    f.at,
                    f.arrived_at,
                    f.latitude,
                    f.longitude,
                    f.speed,
                    f.course,
                    f.odometer,
                    f.status,
                    f.status_text,
                    f.alarm,
                    f.moving,
                    f.source,
                    f.stored_at
                   FROM fleet_positions f
                  WHERE f.account = d.account AND f.device_id = d.device_id AND f.at > (now() + 'P1D'::interval)
                  ORDER BY f.at
                 LIMIT 1)) c
          ORDER BY c.rank
         LIMIT 1) p;

create view limit_status as
 SELECT l.key,
    l.pool,
    l.name,
    l.unit,
    l.kind,
    l.capacity,
    GREATEST(0::double precision,
        CASE l.kind
            WHEN 'bucket'::text THEN
            CASE
                WHEN l.full_at <= n.t THEN 0::double precision
                ELSE LEAST(l.capacity, (l.tat - n.t) / l.period_ms)
            END
            WHEN 'rolling'::text THEN ( SELECT COALESCE(sum(e.units), 0::double precision) AS "coalesce"
               FROM limit_events e
              WHERE e.limit_id = l.id AND e.at > (n.t - l.period_ms))
            ELSE
            CASE
                WHEN l.resets_at IS NOT NULL AND l.resets_at <= n.t THEN 0::double precision
                ELSE l.used
            END
        END) AS used,
        CASE l.kind
            WHEN 'bucket'::text THEN
            CASE
                WHEN LEAST(l.tat, l.full_at) > n.t THEN LEAST(l.tat, l.full_at)
                ELSE NULL::double precision
            END
            WHEN 'rolling'::text THEN ( SELECT max(e.at) + l.period_ms
               FROM limit_events e
              WHERE e.limit_id = l.id AND e.at > (n.t - l.period_ms))
            ELSE
            CASE
                WHEN l.resets_at > n.t THEN l.resets_at
                ELSE NULL::double precision
            END
        END AS resets_at,
        CASE
            WHEN l.blocked_until > n.t THEN l.blocked_until
            ELSE NULL::double precision
        END AS blocked_until,
    l.source,
    l.mode,
    l.period_ms AS ratio_period,
    l.granted_calls,
    l.granted_units,
    l.shadow_over,
        CASE
            WHEN l.blocked_until > n.t THEN l.blocked_reason
            ELSE ''::text
        END AS blocked_reason,
        CASE
            WHEN l.blocked_until > n.t AND l.blocked_since > 0::double precision THEN l.blocked_since
            ELSE NULL::double precision
        END AS blocked_since,
        CASE
            WHEN l.kind = 'bucket'::text AND l.rate_share < 1::double precision THEN 1000::double precision / l.period_ms
            ELSE NULL::double precision
        END AS lowered_rate,
    l.override,
    l.capacity - l.capacity * LEAST(l.share_background, l.share_scheduled, l.share_live) AS kept,
        CASE
            WHEN l.claim_until > n.t AND l.claim_rank > 0 THEN l.claim_rank
            ELSE NULL::smallint
        END AS claimed_by
   FROM limits l
     CROSS JOIN LATERAL ( SELECT now_ms() AS t) n;

create view positions as
 SELECT account,
    device_id,
    at,
    arrived_at,
    latitude,
    longitude,
    speed,
    course,
    odometer,
    status,
    status_text,
    alarm,
    moving,
    source
   FROM fleet_positions;

create view trips as
 SELECT account,
    device_id,
    start_time,
    end_time,
    distance,
    max_speed,
    average_speed,
    duration_ms,
    start_latitude,
    start_longitude,
    end_latitude,
    end_longitude
   FROM fleet_trips;

CREATE TRIGGER limits_overridden BEFORE INSERT OR UPDATE OF definition ON limits FOR EACH ROW EXECUTE FUNCTION limits_overridden();

CREATE TRIGGER limits_redefined BEFORE UPDATE OF definition ON limits FOR EACH ROW WHEN (old.period_ms IS DISTINCT FROM new.period_ms) EXECUTE FUNCTION limits_redefined();
