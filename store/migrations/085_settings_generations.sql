-- Who may say how pools and limits are: the settings that were published last. Each change of what an account's
-- settings make of its pool, its organization and its limits is a generation of that pool; rows that a newer
-- generation has written are left alone by an older one.

create table settings_generations (
  generation   bigint generated always as identity primary key,
  pool         text not null,             -- key of an account's pool
  digest       text not null,             -- of the definitions
  file_ms      double precision,          -- when the settings file was last written, epoch ms; null without a file
  published_by text not null,             -- user@host and the file
  published_at timestamptz not null default clock_timestamp()
);
create index settings_generations_pool on settings_generations (pool, generation desc);

alter table pools add column generation bigint not null default 0;
alter table limits add column generation bigint not null default 0;
