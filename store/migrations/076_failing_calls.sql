-- Calls for failing windows are counted by when they ended: one that was refused has made no request.
drop index jobs_failing;
create index jobs_failing on jobs (updated_at) where failing and attempts > 0;
