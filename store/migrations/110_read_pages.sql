-- In how many calls the last whole answer came, so that a plan knows what the next one costs. Null: nobody has counted.
alter table reads add column pages integer;
