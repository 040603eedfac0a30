-- What a vendor says of a batch by files may be wrong for a while: a file that is not named yet, a batch that is not to be
-- found right after it was made. It is doubted for as long as it takes before anything is paid for again.

alter table batch_parts
  add column doubts     integer not null default 0,  -- answers in a row, other failures aside, that cannot be right
  add column doubted_at timestamptz;                 -- the first of them
