import type { Pool } from 'pg';
import type { Backend } from '../../../../client/operations/backend/backend';
import { explainWork } from '../../../../client/operations/explain/explain';
import { listVehicles } from '../../../../client/operations/vehicles/vehicles';
import { HOUR_MS } from '../../../../quota/durations';
import { resolveLimits } from '../../../../quota/limits/limit';
import { findVehicleAccount } from '../../../../settings/accounts/vehicles';
import { createPool } from '../../../../store/db';
import { registerLimits } from '../../../../store/permits/permits';
import { applyPoolEvent, registerPool } from '../../../../store/pools/pools';
import { claimRead, ensureRead, failRead } from '../../../../store/reads/reads';
import { storeVehicles } from '../../../../store/reads/vehicles';
import { type TestDatabase, testDatabase } from '../../../support/stacks/embedded';
import { plainBackend } from '../../../support/stacks/plain-backend';

const VIN = 'WBY00000000000001';
const READ = 'basic-data';
const clientId = '31c357a0-7a1d-4590-aa99-33b97244d048';

let database: TestDatabase;
let db: Pool;
let backend: Backend;

const leaseOf = async (account: string, vehicleId: string, read: string) => {
  const lease = await claimRead(
    db,
    await ensureRead(db, { account, vehicleId, read, params: {} }),
    'test',
    60_000,
  );
  if (lease === null) throw new Error('somebody has the lease');
  return lease;
};

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  db = createPool(database.url, { max: 3 });
  backend = plainBackend(db, {
    accounts: { listed: { vendor: 'bmw-cardata', clientId }, never: { vendor: 'bmw-cardata', clientId } },
  });
  for (const name of ['listed', 'never']) {
    const account = findVehicleAccount(backend.settings, name);
    await registerPool(db, account.poolKey, account.pool);
    const own = { vendor: account.vendor.id, account: name, ...account.attributes };
    const limits = account.vehicles.reads.flatMap(({ operation }) =>
      resolveLimits(account.vendor.id, account.limits, operation, own),
    );
    await registerLimits(db, account.poolKey, [...new Map(limits.map((one) => [one.key, one])).values()]);
  }
  const vehicle = {
    vehicleId: VIN,
    name: 'Anna',
    brand: 'BMW',
    model: 'i3',
    driveTrain: null,
    readable: true,
  };
  await storeVehicles(
    db,
    await leaseOf('listed', '', 'vehicles'),
    'listed',
    [{ ...vehicle, details: {} }],
    'r-1',
    { answeredMs: 0 },
  );
  await hold('never', 'needs a login');
});
afterAll(async () => {
  await db.end();
  await database.drop();
});

const poolOf = (account: string) => findVehicleAccount(backend.settings, account).poolKey;
const hold = (account: string, reason: string) =>
  applyPoolEvent(db, poolOf(account), { type: 'pause', until: null, reason });
const explained = (read = READ) => explainWork(backend, { id: `read:listed:${VIN.toLowerCase()}:${read}` });

test('a list gives the reason for each account whose vehicles are unknown, beside the others', async () => {
  const lists = await listVehicles(backend, {});
  expect(listVehicles.json(lists)).toMatchObject([
    { account: 'listed', stale: null, ageMs: expect.any(Number), vehicles: [{ vehicleId: VIN }] },
    {
      ...{ account: 'never', listedAt: null, ageMs: null, vehicles: [] },
      stale: { cause: 'pool', reason: expect.stringContaining('needs a login'), until: null },
    },
  ]);
  await expect(listVehicles(backend, { account: 'never' })).rejects.toMatchObject({ code: 'POOL_STOPPED' });
});

test.each(['0', '0s', '0.0h'])('an age of %s is one of now', async (maxAge) => {
  const [list] = await listVehicles(backend, { account: 'listed', maxAge: '1d' });
  expect(list?.stale).toBeNull();
  await hold('listed', 'inventory');
  const [asked] = await listVehicles(backend, { account: 'listed', maxAge });
  expect(asked?.stale?.reason).toContain('inventory');
  await applyPoolEvent(db, poolOf('listed'), { type: 'resume' });
  await db.query(`update pools set state = 'closed'`);
  await hold('never', 'needs a login');
});

test('a read is explained by its failure, its pool or its limit, whichever it meets', async () => {
  expect(await explained()).toMatchObject({
    kind: 'read',
    state: 'never answered',
    wait: null,
    evidence: null,
  });
  await hold('listed', 'inventory, says Ann');
  expect(await explained()).toMatchObject({
    wait: { why: expect.stringContaining('inventory, says Ann'), until: null },
    evidence: { pool: poolOf('listed'), words: 'inventory, says Ann' },
  });
  await db.query(`update pools set state = 'closed' where key = $1`, [poolOf('listed')]);

  await db.query(
    `update limits set capacity = 1, used = 1, last_at = now_ms(), resets_at = now_ms() + $1 where name = 'calls-per-day'`,
    [HOUR_MS],
  );
  const full = await explained();
  expect(full).toMatchObject({ evidence: { limit: expect.stringContaining('calls-per-day') } });
  expect(full.wait?.until).toBeGreaterThan(Date.now() + 60_000);

  const failure = { kind: 'passing', reason: 'server: 500 "busy"', code: 'CU-500' } as const;
  await failRead(db, await leaseOf('listed', VIN, READ), failure, () => HOUR_MS);
  const failing = await explained();
  expect(failing).toMatchObject({
    wait: { why: expect.stringContaining('500 "busy"'), frees: expect.stringContaining('`read by force ') },
    evidence: { words: failure.reason, code: 'CU-500', limit: null },
  });
  expect(failing.wait?.until).toBeGreaterThan(Date.now() + HOUR_MS / 2);

  await db.query(
    `update reads set answered_at = clock_timestamp(), failures = 0, retry_at = null, failed_at = null where read = $1`,
    [READ],
  );
  expect(await explained()).toMatchObject({ state: 'fresh', wait: null });
});

test.each([
  ['read:nobody:X:basic-data', 'UNKNOWN_NAME', 'account "nobody"'],
  [`read:listed:${VIN}:speed`, 'UNKNOWN_NAME', '"speed" is no read of bmw-cardata; there are'],
  [`read:listed:${VIN}:${READ}?x=1`, 'UNKNOWN_FIELD', '"x" is no parameter'],
  ['read:listed:4711:basic-data', 'NOT_FOUND', 'not known to have "4711"'],
])('%s is refused', async (id, code, message) => {
  await expect(explainWork(backend, { id })).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});
