/** What values of Postgres are in code. */
import { createPool } from '../../../store/db';
import { testPostgresUrl } from '../../support/stacks/embedded';

test('times are epoch milliseconds, decimals text, and a count too large is an error', async () => {
  const pool = createPool(await testPostgresUrl(), { max: 1 });
  const { rows } = await pool.query(
    "select '2026-11-20T12:34:56.789Z'::timestamptz as t, 'infinity'::timestamptz as i, 1.50::numeric as n, 7::int8 as c",
  );
  expect(rows[0]).toEqual({
    t: Date.parse('2026-11-20T12:34:56.789Z'),
    i: Number.POSITIVE_INFINITY,
    n: '1.50',
    c: 7,
  });
  await expect(pool.query('select 9007199254740993::int8')).rejects.toThrow(/9007199254740993 does not fit/);
  await pool.end();
});
