-- Up to which age a report that its vendor does not make has been told of, ms; null: not yet.
alter table jobs add column slow_told_ms double precision;
