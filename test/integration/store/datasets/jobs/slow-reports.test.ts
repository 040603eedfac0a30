/** A report that does not end is reported by whichever worker checks: once, and each time it has become twice as old. */
import type { Pool } from 'pg';
import { recordSlow } from '../../../../../store/datasets/jobs/slow-reports';
import { createPool } from '../../../../../store/db';
import { listEvents } from '../../../../../store/events/events';
import { migrate } from '../../../../../store/migrate';
import { type TestDatabase, testDatabase } from '../../../../support/stacks/embedded';

const MIN = 60_000;

let database: TestDatabase;
let workers: Pool[];

beforeAll(async () => {
  database = await testDatabase();
  await migrate(database.url);
  workers = [1, 2, 3].map(() => createPool(database.url, { max: 2 }));
});

afterAll(async () => {
  await Promise.all((workers ?? []).map((db) => db.end()));
  await database?.drop();
});

test('three workers that poll at the same time report it once, and again at twice the age', async () => {
  const [db] = workers as [Pool, ...Pool[]];
  const { rows } = await db.query<{ id: number }>(
    `with s as (insert into series (dataset, account) values ('d', 'a') returning id)
     insert into jobs (series_id, span, purpose, state, report_id, created_at, updated_at)
     select id, tstzrange('2026-01-01Z', '2026-01-02Z'), 'sync', 'requested', 'r', now(), now() from s returning id`,
  );
  const id = rows[0]?.id ?? 0;
  const reported = async (ageMs: number) => {
    let count = 0;
    await Promise.all(
      workers.map((worker) =>
        recordSlow(worker, id, ageMs, 30 * MIN, async () => {
          count++;
        }),
      ),
    );
    return count;
  };
  const ages = [29, 30, 45, 59, 60, 61, 119, 300, 599, 600].map((minutes) => minutes * MIN);
  const counts: number[] = [];
  for (const age of ages) counts.push(await reported(age));
  expect(counts).toEqual([0, 1, 0, 0, 1, 0, 0, 1, 0, 1]);
  expect(await listEvents(db, { limit: 10 })).toEqual([]);
});
