/** What the death of a connection does to those who were using it: an error for them, and nothing for the process. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { inTransaction } from '../../../../store/db';
import { ownDatabase } from '../../../support/stacks/own-database';

let pool: Pool;

ownDatabase({ max: 2 }, (made) => {
  pool = made;
});

test('a connection that dies between two queries of a transaction fails the transaction alone', async () => {
  const transaction = inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const gone = new Promise((resolve) => client.once('end', resolve));
    await pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    await gone;
    // What is not listened to is thrown in a turn of its own.
    await delay(10);
    await client.query('select 1');
  });
  await expect(transaction).rejects.toThrow(/connection/i);
  const { rows } = await pool.query('select 1 as one');
  expect(rows).toEqual([{ one: 1 }]);
});
