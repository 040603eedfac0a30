/** A database whose clock a test may set: this machine's own stays as it is. */
import type { Pool } from 'pg';

/** @returns what sets the clock forward by so many ms, or back when negative. */
export async function settableClock(db: Pool): Promise<(byMs: number) => Promise<void>> {
  await db.query(`create table test_clock (ahead double precision not null)`);
  await db.query(`insert into test_clock values (0)`);
  await db.query(
    `create or replace function now_ms() returns double precision language sql volatile as
     $$ select extract(epoch from clock_timestamp())::double precision * 1000 + (select ahead from test_clock) $$`,
  );
  return async (byMs) => {
    await db.query('update test_clock set ahead = ahead + $1', [byMs]);
  };
}
