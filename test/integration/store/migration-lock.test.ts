/** Tables and functions change while others work, are frozen, or change them too. */
import { connect, createPool, inTransaction } from '../../../store/db';
import { migrate } from '../../../store/migrate';
import { lockMigrations } from '../../../store/migration-lock';
import { testDatabase } from '../../support/stacks/embedded';

const change = { name: '999_test.sql', sql: 'alter table pools add column test_only integer', sha256: 'x' };

test('a change waits for a table that is in use, and lets pass who comes after it', async () => {
  const database = await testDatabase();
  const db = createPool(database.url, { max: 3 });
  let migrated: Promise<void> = Promise.resolve();
  let longestMs = 0;
  // Twelve seconds, each of them with a word: longer than the change waits at one go, five, on a busy machine, too.
  await inTransaction(db, async (client) => {
    await client.query('select count(*) from pools');
    migrated = migrate(database.url, [change]);
    for (const until = Date.now() + 12_000; Date.now() < until; ) {
      const began = performance.now();
      await db.query('select count(*) from pools');
      longestMs = Math.max(longestMs, performance.now() - began);
      await client.query('select pg_sleep(0.2)');
    }
  });
  await migrated;
  expect(longestMs).toBeLessThan(10_000);
  expect((await db.query('select test_only from pools')).rows).toEqual([]);
  await db.end();
  await database.drop();
});

test('who was frozen while it migrated loses the lock to the next', async () => {
  const database = await testDatabase();
  const frozen = await connect(database.url, 'sluice-migrate', 'schema');
  await lockMigrations(frozen);
  // Silent from here on, as a frozen process is.
  const began = performance.now();
  await migrate(database.url, [change]);
  expect(performance.now() - began).toBeGreaterThan(5_000);
  expect(performance.now() - began).toBeLessThan(60_000);
  await frozen.end().catch(() => undefined);
  await database.drop();
});
