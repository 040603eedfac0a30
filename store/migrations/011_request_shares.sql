-- Requests are counted by address (wrong keys) and by end user as well as by key: `wrong:ADDRESS`, `user:DIGEST`, or a key's id.
alter table api_key_use drop constraint api_key_use_key_fkey;
