-- How often a part's file was sent: one that is lost at the vendor is sent once more, and then a person has to look.
alter table batch_parts add column uploads integer not null default 0;
-- Answers of its files that could be used: where there are some, what others were refused for is their own.
alter table batch_parts add column usable integer not null default 0;
