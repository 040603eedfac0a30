-- Who has paused something by hand is looked up by what was paused.
create index events_orders on events ((data ->> 'subject'), id) where kind in ('operator.paused', 'operator.resumed');
