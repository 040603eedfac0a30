import type { Pool } from 'pg';
import { CallCounter, readCallCounts, readMinuteCounts } from '../../../../store/permits/call-counts';
import { ownDatabase } from '../../../support/stacks/own-database';

const MINUTE = 60_000;

let db: Pool;

ownDatabase({ max: 4 }, (made) => {
  db = made;
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
