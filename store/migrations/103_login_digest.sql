-- A keyed hash of the login that was stored last: kept on disk and stored again after a crash, it must not replace what
-- has been bought with it since.
alter table grants add column login_digest text;
