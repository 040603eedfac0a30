-- When the database's clock was seen to step, and by how far: noted once by whichever process saw it first.
create table clock_steps (
  id         bigint generated always as identity primary key,
  noticed_at double precision not null,   -- after the step, epoch ms
  step_ms    double precision not null    -- forward or, when negative, back
);
