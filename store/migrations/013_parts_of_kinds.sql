-- Access may be refused for a part of a report type alone, a marketplace; empty: for all of it.
alter table call_kinds add column part text not null default '';
alter table call_kinds drop constraint call_kinds_pkey;
alter table call_kinds add primary key (pool, operation, subject, part);
