-- A vendor's batch that was cancelled by somebody else, e.g. in the vendor's console, is told from one that we ended.

alter table batch_parts add column cancel_asked boolean not null default false;  -- by us, whether or not it went through
