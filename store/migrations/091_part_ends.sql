-- What a vendor's word for a batch means, beside the word itself: whether it has passed the vendor's first checks, and how
-- it ended. So far the word alone was kept.
alter table batch_parts
  add column begun boolean not null default false,
  add column outcome text;
update batch_parts set
  begun = status not in ('', 'validating'),
  outcome = case when status in ('completed', 'expired', 'cancelled', 'failed') then status end;
