-- Kinds of calls of a pool that are refused and accepted together (quota/pools/narrow-refusal.ts): an operation of one report
-- type. What was last accepted and refused tells whether a refusal is a kind's own or the pool's.
create table call_kinds (
  pool        text not null,
  operation   text not null,
  subject     text not null,               -- e.g. a report type
  accepted_at float8 not null default 0,   -- departure of the last accepted call, epoch ms
  refused_at  float8 not null default 0,   -- when the last refusal was noted; 0: none that still tells anything
  refused_for text check (refused_for in ('quota', 'access')),
  strikes     integer not null default 0,
  since_ms    float8 not null default 0,   -- of the first refusal in a row
  until_ms    float8 not null default 0,   -- nothing of this kind leaves before
  reason      text not null default '',
  hint        text,
  evidence    jsonb,
  primary key (pool, operation, subject)
);

-- Why a pool is held, by which it is decided whether it is looked at by itself; and stated waits that were none.
alter table pools add column cause text;
alter table pools add column short_waits integer not null default 0;
