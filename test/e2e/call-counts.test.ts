import type { Pool } from 'pg';
import { CallCounter, readCallCounts, readMinuteCounts } from '../../store/call-counts';
import { createPool } from '../../store/db';
import { listEvents } from '../../store/events';
import { type TestDatabase, testDatabase } from '../support/embedded';

const MINUTE = 60_000;

let database: TestDatabase;
let db: Pool;

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 4 });
});

afterAll(async () => {
  await db.end();
  await database.drop();
});

test('calls of several processes add up by the minute', async () => {
  const now = Date.now();
  const counters = [new CallCounter(db), new CallCounter(db)];
  for (const counter of counters) {
    counter.count('gps/a', 'lastposition', 'positions', 'ok');
    counter.count('gps/a', 'lastposition', 'positions', 'rate');
    counter.count('gps/b', 'sendcmd', 'commands', 'ok');
  }
  await Promise.all(counters.map((counter) => counter.flush()));
  expect(await readCallCounts(db, 'gps/a', now - MINUTE)).toEqual([
    { operation: 'lastposition', caller: 'positions', verdict: 'ok', calls: 2 },
    { operation: 'lastposition', caller: 'positions', verdict: 'rate', calls: 2 },
  ]);
  const minutes = await readMinuteCounts(db, ['gps/a', 'gps/b'], now);
  // A minute may turn while this runs.
  const total = (pool: string) => minutes.filter((c) => c.pool === pool).reduce((sum, c) => sum + c.calls, 0);
  expect([total('gps/a'), total('gps/b')]).toEqual([4, 2]);
  for (const { minute } of minutes) expect(minute % MINUTE).toBe(0);
});

test('whoever counts clears away what is older than forty days, and no alerts', async () => {
  await db.query(
    `insert into call_counts (pool, minute, operation, caller, verdict, calls)
     select 'gps/old', date_trunc('minute', now()) - d * interval '1 day', 'o', 'c', 'ok', 1
     from unnest(array[39, 41, 400]) d`,
  );
  await db.query(
    `insert into events (at, kind, pool) select now() - d * interval '1 day', k, 'gps/old'
     from unnest(array[39, 41]) d, unnest(array['limit.refused', 'limit.alert']) k`,
  );
  const counter = new CallCounter(db);
  counter.count('gps/old', 'o', 'c', 'ok');
  await counter.flush();
  expect(await readCallCounts(db, 'gps/old', 0)).toMatchObject([{ calls: 2 }]);
  const kinds = (await listEvents(db, { pool: 'gps/old', limit: 10 })).map((e) => e.kind).sort();
  expect(kinds).toEqual(['limit.alert', 'limit.alert', 'limit.refused']);
});
