import type { Pool } from 'pg';
import {
  type BatchSpec,
  changeBatch,
  createBatch,
  findBatch,
  type NewItem,
  readBatch,
  setBatchState,
} from '../../../../store/batches/batches';
import { claimItems, renewLeases } from '../../../../store/batches/claims';
import { recordThresholdLeft, recordThresholdReached } from '../../../../store/batches/events';
import { countItems, endedItems } from '../../../../store/batches/items';
import { type ItemOutcome, storeOutcomes } from '../../../../store/batches/outcomes';
import { retryFailed } from '../../../../store/batches/skips';
import { createPool } from '../../../../store/db';
import { listEvents } from '../../../../store/events/events';
import { eventually } from '../../../support/eventually';
import { type TestDatabase, testDatabase, uniqueName } from '../../../support/stacks/embedded';

let database: TestDatabase;
let db: Pool;

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 6, applicationName: 'test' });
});

afterAll(async () => {
  await db.end();
  await database.drop();
});

const LEASE = 60_000;

function spec(change: Partial<BatchSpec> = {}): BatchSpec {
  return {
    digest: uniqueName('digest'),
    kind: 'openai/bios',
    account: 'bios',
    model: 'gpt-4.1',
    prompt: 'Write about {{artist_name}}.',
    options: { maxOutputTokens: 300, maxConcurrency: null },
    inputName: 'artists.csv',
    priority: 'background',
    ...change,
  };
}

const item = (n: number): NewItem => ({ externalId: `id-${n}`, variables: { artist_name: `Artist ${n}` } });

async function* chunks(count: number, size = 1000): AsyncGenerator<NewItem[]> {
  for (let from = 0; from < count; from += size) {
    yield Array.from({ length: Math.min(size, count - from) }, (_, i) => item(from + i));
  }
}

async function batchOf(count: number): Promise<number> {
  return (await createBatch(db, spec(), chunks(count))).batch.id;
}

const done = (seq: number, text = `text ${seq}`): ItemOutcome => ({
  seq,
  state: 'done',
  responseId: `resp_${seq}`,
  result: { text, createdAt: 1 },
});
const again = (seq: number, waitMs: number, free = false): ItemOutcome => ({
  seq,
  state: 'retry',
  evidence: { reason: 'server: 500' },
  waitMs,
  free,
});
const failed = (seq: number): ItemOutcome => ({ seq, state: 'failed', evidence: { reason: 'invalid: 400' } });

const claim = async (id: number, owner: string, n: number, lease = LEASE) =>
  (await claimItems(db, id, owner, n, lease)).map((i) => i.seq);

async function ended(id: number) {
  const all = [];
  for await (const page of endedItems(db, id)) all.push(...page);
  return all;
}

test('42,888 items are loaded', async () => {
  const { batch } = await createBatch(db, spec(), chunks(42_888));
  expect(batch.items).toBe(42_888);
  expect(await countItems(db, batch.id)).toMatchObject({ pending: 42_888, done: 0 });
});

test('the same input is the same batch, and its items are not read again', async () => {
  const same = spec();
  const first = await createBatch(db, same, chunks(3));
  async function* never(): AsyncGenerator<NewItem[]> {
    yield await Promise.reject(new Error('read again'));
  }
  const second = await createBatch(db, same, never());
  expect(second).toEqual({ batch: first.batch, created: false });
  expect((await findBatch(db, same.digest))?.id).toBe(first.batch.id);
});

test('a load that breaks off leaves nothing behind', async () => {
  const broken = spec();
  async function* half(): AsyncGenerator<NewItem[]> {
    yield [item(0), item(1)];
    throw new Error('the file ended');
  }
  await expect(createBatch(db, broken, half())).rejects.toThrow('the file ended');
  async function* twice(): AsyncGenerator<NewItem[]> {
    yield [item(0), item(0)];
  }
  await expect(createBatch(db, broken, twice())).rejects.toMatchObject({ code: '23505' });
  expect(await findBatch(db, broken.digest)).toBeNull();
});

test('values with tabs, quotes, backslashes and line breaks come back as they were', async () => {
  const variables = { artist_name: 'AC\\DC\t"live"\r\nvol. 2 \\N', artist_data: 'é 𝄞 {}' };
  async function* one(): AsyncGenerator<NewItem[]> {
    yield [{ externalId: 'a\\b\tc', variables }];
  }
  const { batch } = await createBatch(db, spec(), one());
  const [claimed] = await claimItems(db, batch.id, 'p', 1, LEASE);
  expect(claimed).toEqual({ seq: 0, externalId: 'a\\b\tc', variables, attempts: 0, putBack: null });
});

test('fresh items go in order, retries behind them and not before they are due', async () => {
  const id = await batchOf(5);
  expect(await claim(id, 'p', 3)).toEqual([0, 1, 2]);
  await storeOutcomes(db, id, 'p', [again(0, 0), again(1, 3_600_000), done(2)]);
  expect(await claim(id, 'p', 10)).toEqual([3, 4, 0]);
  const counts = await countItems(db, id);
  expect(counts).toMatchObject({ pending: 0, running: 3, retry: 1, done: 1 });
  expect(counts.nextDueAt).toBeGreaterThan(Date.now());
});

test('a failed call counts as an attempt; a refusal for want of quota does not', async () => {
  const id = await batchOf(2);
  await claim(id, 'p', 2);
  await storeOutcomes(db, id, 'p', [again(0, 0), again(1, 0, true)]);
  const items = await claimItems(db, id, 'p', 2, LEASE);
  expect(items.map((i) => [i.seq, i.attempts])).toEqual([
    [0, 1],
    [1, 0],
  ]);
});

test('what is released goes back where it came from', async () => {
  const id = await batchOf(2);
  await claim(id, 'p', 1);
  await storeOutcomes(db, id, 'p', [{ seq: 0, state: 'released' }]);
  expect(await claim(id, 'p', 1)).toEqual([0]);
  await storeOutcomes(db, id, 'p', [again(0, 0)]);
  expect(await claim(id, 'p', 2)).toEqual([1, 0]);
  await storeOutcomes(db, id, 'p', [{ seq: 0, state: 'released' }]);
  expect(await countItems(db, id)).toMatchObject({ pending: 0, retry: 1 });
});

test('items are handed out once, whoever asks at the same time', async () => {
  const id = await batchOf(300);
  const got = await Promise.all(Array.from({ length: 6 }, (_, i) => claim(id, `p${i}`, 50)));
  expect(got.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i));
});

test('a dead page’s items are handed out again when its lease ends; a live page’s are not', async () => {
  const id = await batchOf(2);
  await claim(id, 'dead', 1, 50);
  await claim(id, 'alive', 1, 50);
  expect(await renewLeases(db, id, 'alive', LEASE)).toBe(1);
  expect(await eventually('the lease ends', async () => (await claim(id, 'next', 5))[0] === 0)).toBe(true);
  expect(await claim(id, 'next', 5)).toEqual([]);
});

test('an item keeps the first result, whoever brings it', async () => {
  const id = await batchOf(1);
  await claim(id, 'slow', 1, 0);
  await eventually('the lease ends', async () => (await claim(id, 'quick', 1)).length === 1);
  expect(await storeOutcomes(db, id, 'slow', [failed(0)])).toBe(0);
  expect(await storeOutcomes(db, id, 'slow', [done(0, 'first')])).toBe(1);
  expect(await storeOutcomes(db, id, 'quick', [done(0, 'second')])).toBe(0);
  expect((await ended(id)).map((i) => i.result?.text)).toEqual(['first']);
});

test('a batch that is not to run hands nothing out', async () => {
  const id = await batchOf(2);
  await setBatchState(db, id, 'paused', 'inventory');
  expect(await claim(id, 'p', 2)).toEqual([]);
  expect(await readBatch(db, id)).toMatchObject({ state: 'paused', reason: 'inventory' });
  await setBatchState(db, id, 'running', '');
  expect(await claim(id, 'p', 2)).toEqual([0, 1]);
});

test('failed items are final until somebody asks again, and then go behind fresh ones', async () => {
  const id = await batchOf(3);
  await claim(id, 'p', 2);
  await storeOutcomes(db, id, 'p', [failed(0), done(1)]);
  expect((await ended(id)).map((i) => [i.seq, i.state, i.evidence?.reason])).toEqual([
    [0, 'failed', 'invalid: 400'],
    [1, 'done', undefined],
  ]);
  expect(await retryFailed(db, id)).toBe(1);
  expect(await claim(id, 'p', 3)).toEqual([2, 0]);
});

test('a change of state leaves one event: by whom and why; saying it again leaves none', async () => {
  const id = await batchOf(1);
  const origin = { by: 'operator', pool: uniqueName('pool') };
  expect(await setBatchState(db, id, 'paused', 'inventory', origin)).toBe(true);
  expect(await setBatchState(db, id, 'paused', 'inventory', origin)).toBe(true);
  expect(await setBatchState(db, id, 'running', '', { ...origin, by: 'start' })).toBe(true);
  expect(await setBatchState(db, 999_999, 'running', '', origin)).toBe(false);
  const events = await listEvents(db, { pool: origin.pool, limit: 10 });
  expect(events.map((e) => [e.kind, e.data]).reverse()).toEqual([
    ['batch.paused', { batch: id, by: 'operator', reason: 'inventory', from: 'running' }],
    ['batch.resumed', { batch: id, by: 'start', reason: '', from: 'paused' }],
  ]);
});

test('options that are given again replace the ones before; the others stay', async () => {
  const id = await batchOf(1);
  const changed = await changeBatch(db, id, { options: { maxConcurrency: 50, dailyLimit: 9 } });
  expect(changed).toMatchObject({ options: { maxOutputTokens: 300, maxConcurrency: 50, dailyLimit: 9 } });
  expect((await changeBatch(db, id, { options: {}, priority: 'interactive' }))?.priority).toBe('interactive');
  expect(await readBatch(db, id)).toMatchObject({ options: { maxConcurrency: 50 }, priority: 'interactive' });
});

test('a threshold is reported once a window, and its end once', async () => {
  const pool = uniqueName('pool');
  const reached = {
    pool,
    batch: 7,
    limit: 'daily',
    used: 8,
    capacity: 10,
    window: 99,
    until: 50,
    reason: 'r',
  };
  expect(await recordThresholdLeft(db, pool, 7)).toBe(false);
  expect(await recordThresholdReached(db, reached)).toBe(true);
  expect(await recordThresholdReached(db, { ...reached, until: 70 })).toBe(false);
  expect(await recordThresholdReached(db, { ...reached, batch: 8 })).toBe(true);
  expect(await recordThresholdLeft(db, pool, 7)).toBe(true);
  expect(await recordThresholdLeft(db, pool, 7)).toBe(false);
  expect(await recordThresholdReached(db, { ...reached, window: 199 })).toBe(true);
  const kinds = (await listEvents(db, { pool, limit: 10 }))
    .filter((e) => e.data.batch === 7)
    .map((e) => e.kind);
  expect(kinds).toEqual(['quota.threshold_reached', 'quota.threshold_left', 'quota.threshold_reached']);
});
