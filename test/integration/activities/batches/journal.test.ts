/** What a page reports: every change to the log, and to operators only what is worth a look. */
import type { Pool } from 'pg';
import pino from 'pino';
import { BatchJournal } from '../../../../activities/batches/journal';
import type { ConcurrencyDecision } from '../../../../quota/batches/concurrency';
import { createPool } from '../../../../store/db';
import { listEvents } from '../../../../store/events/events';
import { eventually } from '../../../support/eventually';
import { type TestDatabase, testDatabase, uniqueName } from '../../../support/stacks/embedded';

let database: TestDatabase;
let db: Pool;

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 2, applicationName: 'test' });
});

afterAll(async () => {
  await db.end();
  await database.drop();
});

function journal() {
  const lines: { event: string; [key: string]: unknown }[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const pool = uniqueName('pool');
  return {
    lines,
    journal: new BatchJournal({ db, log }, { batch: 7, pool }),
    events: () => listEvents(db, { pool, limit: 50 }),
  };
}

const change = (direction: ConcurrencyDecision['change'], next: number): ConcurrencyDecision => ({
  change: direction,
  next,
  reason: `now ${next}`,
});

test('growth is for the log; the first turn from it is a row, and further ones within a minute are not', async () => {
  const { lines, journal: entries, events } = journal();
  for (const next of [8, 16, 32]) entries.concurrency(change('up', next));
  for (const next of [16, 8]) entries.concurrency(change('down', next));
  entries.concurrency(change('up', 16));
  expect(lines.map((line) => [line.event, line.concurrency])).toEqual(
    [8, 16, 32, 16, 8, 16].map((next) => ['batch.concurrency', next]),
  );
  await eventually('a row', async () => (await events()).length > 0);
  expect((await events()).map((e) => [e.kind, e.data])).toEqual([
    ['batch.concurrency', { batch: 7, concurrency: 16, change: 'down', reason: 'now 16' }],
  ]);
});

test('each item that is to be tried again is a line, and all of a page are one row', async () => {
  const { lines, journal: entries, events } = journal();
  const server = { kind: 'server', reason: 'server: 500' };
  entries.retry({ externalId: 'a', attempts: 0 }, server, 60_000);
  entries.retry({ externalId: 'b', attempts: 2 }, server, 1000);
  entries.retry({ externalId: 'c', attempts: 2 }, { kind: 'rate', reason: 'rate: 429' }, 60_000);
  await entries.close();
  await entries.close();
  expect(lines.filter((l) => l.event === 'batch.retry').map((l) => [l.item, l.attempts, l.waitMs])).toEqual([
    ['a', 1, 60_000],
    ['b', 3, 1000],
    // "Too fast" is no attempt.
    ['c', 2, 60_000],
  ]);
  const [row, ...more] = await events();
  expect(more).toEqual([]);
  expect(row?.data).toMatchObject({
    batch: 7,
    items: 3,
    reason: expect.stringContaining('2 × server, 1 × rate'),
  });
  expect(Number(row?.data.until) - Date.now()).toBeLessThan(1001);
});

test('a page with nothing to try again says nothing of it', async () => {
  const { lines, journal: entries, events } = journal();
  entries.progress(100, 4);
  await entries.close();
  expect(lines.map((l) => [l.event, l.ended])).toEqual([['batch.progress', 100]]);
  expect(await events()).toEqual([]);
});
