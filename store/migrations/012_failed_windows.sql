-- Failed windows are looked through for times in the future of the clock; they are few among all.
create index coverage_failed on coverage (id) where state = 'failed';
