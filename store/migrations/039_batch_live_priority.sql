-- A batch may have any of the priorities.
alter table batches drop constraint batches_priority_check;
alter table batches add constraint batches_priority_check
  check (priority in ('background', 'scheduled', 'live', 'interactive'));
