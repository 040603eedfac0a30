import type { Pool } from 'pg';
import type { Backend } from '../../../../client/operations/backend';
import { explainWork } from '../../../../client/operations/explain/explain';
import { createBatch, setBatchState } from '../../../../store/batches/batches';
import { createCommand } from '../../../../store/commands/commands';
import { createPool } from '../../../../store/db';
import { noteWorker } from '../../../../store/explain/worker-presence';
import { applyPoolEvent, registerPool } from '../../../../store/pools/pools';
import { openai } from '../../../../vendors/openai';
import { type TestDatabase, testDatabase } from '../../../support/embedded';
import { plainBackend } from '../../../support/plain-backend';

let database: TestDatabase;
let db: Pool;
let backend: Backend;

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  db = createPool(database.url, { max: 3 });
  backend = plainBackend(db, {
    accounts: { texts: { vendor: 'openai', apiKey: 'env:TEST_CLIENT_SECRET' } },
  });
  await registerPool(db, 'openai/texts', openai.rules.pool);
  await noteWorker(db);
});
afterAll(async () => {
  await db.end();
  await database.drop();
});

async function* items() {
  yield [{ externalId: 'a', variables: { artist_name: 'A' } }];
}

async function newBatch(digest: string): Promise<number> {
  const { batch } = await createBatch(
    db,
    {
      ...{ digest, kind: 'openai/bios', account: 'texts', model: 'm', prompt: '{{artist_name}}' },
      options: { maxOutputTokens: 10, maxConcurrency: null },
      ...{ inputName: 'in.csv', priority: 'background' },
    },
    items(),
  );
  return batch.id;
}

const sumOf = (shares: readonly { readonly ms: number }[]) => shares.reduce((sum, { ms }) => sum + ms, 0);

test('a used-up quota is explained with the vendor’s words and request id, and its share of the time', async () => {
  const id = await newBatch('one');
  await db.query(`update batches set created_at = clock_timestamp() - interval '100 s' where id = $1`, [id]);
  const evidence = {
    vendor: 'openai',
    account: 'texts',
    operation: 'createResponse',
    message: 'Quota!',
    requestId: 'r-9',
  };
  await applyPoolEvent(db, 'openai/texts', {
    ...{ type: 'quota', epoch: 1, statedWaitMs: 600_000, reason: 'Quota!', jitter: 0, evidence },
  });
  await db.query(
    `update events set at = clock_timestamp() - interval '40 s' where kind = 'pool.quota_paused'`,
  );
  const found = await explainWork(backend, { id: `batch:${id}` });
  expect(found).toMatchObject({
    ...{ kind: 'batch', state: 'running', to: null },
    wait: {
      why: expect.stringContaining('Quota!'),
      until: expect.any(Number),
      frees: expect.stringContaining('resume'),
    },
    evidence: { pool: 'openai/texts', words: 'Quota!', requestId: 'r-9' },
  });
  expect(sumOf(found.shares)).toBeCloseTo(found.elapsedMs, 3);
  const paused = found.shares.find(({ cause }) => cause === 'quotaPause');
  expect(paused?.share).toBeGreaterThan(0.3);
  expect(paused?.share).toBeLessThan(0.5);
  expect(await explainWork(backend, { id: `batch:openai/bios:texts:${id}/a` })).toMatchObject({
    ...{ kind: 'item', state: 'pending', wait: { why: expect.stringContaining('Quota!') } },
  });
  await applyPoolEvent(db, 'openai/texts', { type: 'resume' });
  await db.query(`update pools set state = 'closed' where key = 'openai/texts'`);
});

test("an operator's pause names its reason, and counts as time of a person", async () => {
  const id = await newBatch('two');
  await setBatchState(db, id, 'paused', 'inventory, says Ann', { by: 'operator', pool: 'openai/texts' });
  await db.query(`update batches set created_at = created_at - interval '10 s' where id = $1`, [id]);
  await db.query(`update events set at = at - interval '5 s' where kind = 'batch.paused'`);
  const found = await explainWork(backend, { id: `#${id}` });
  expect(found.wait).toMatchObject({ why: 'inventory, says Ann', until: null });
  expect(found.shares.find(({ cause }) => cause === 'person')?.share).toBeGreaterThan(0.3);
  expect(sumOf(found.shares)).toBeCloseTo(found.elapsedMs, 3);
});

test('a command that nobody has sent yet', async () => {
  const { command } = await createCommand(db, {
    ...{ account: 'texts', requestId: null, device: 'd', code: 'C', params: [], repeatable: false },
    ...{ timeoutMs: 60_000, waitForPool: false, askedBy: 'a test' },
  });
  expect(await explainWork(backend, { id: `command:texts:${command.id}` })).toMatchObject({
    ...{ kind: 'command', state: 'created', to: null },
  });
});

test.each([
  ['nonsense', 'INVALID_INPUT'],
  ['batch:999999', 'NOT_FOUND'],
  ['window:amazon/rt-sales:texts:2026-11-01T06:00Z', 'NOT_FOUND'],
  ['window:amazon/rt-sales:texts:yesterday', 'INVALID_INPUT'],
  ['', 'INVALID_INPUT'],
])('%j is refused', async (id, code) => {
  await expect(explainWork(backend, { id })).rejects.toMatchObject({ code });
});
