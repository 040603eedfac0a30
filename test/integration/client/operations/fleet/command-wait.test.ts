/** What a command waits for that a limit of the settings holds back: said where the command is shown. */
import type { Pool } from 'pg';
import type { Backend } from '../../../../../client/operations/backend/backend';
import { explainWork } from '../../../../../client/operations/explain/explain';
import { cancelCommand } from '../../../../../client/operations/fleet/device-commands';
import { findAccount, limitsOfCall } from '../../../../../settings/accounts/accounts';
import { createCommand, markSending } from '../../../../../store/commands/commands';
import { createPool } from '../../../../../store/db';
import { registerLimits } from '../../../../../store/permits/permits';
import { type TestDatabase, testDatabase } from '../../../../support/stacks/embedded';
import { plainBackend } from '../../../../support/stacks/plain-backend';

let database: TestDatabase;
let db: Pool;
let backend: Backend;

beforeAll(async () => {
  database = await testDatabase({ migrated: true });
  db = createPool(database.url, { max: 2 });
  const perDevice = { operations: ['sendcmd'], scope: ['account', 'deviceId'], unit: 'calls' };
  const limits = { 'device-action-per-day': { ...perDevice, count: 2, per: 'day', zone: 'UTC' } };
  backend = plainBackend(db, {
    accounts: { fleet: { vendor: 'gps51', username: 'acme', password: 'env:TEST_CLIENT_SECRET', limits } },
  });
});
afterAll(async () => {
  await db.end();
  await database.drop();
});

const account = () => findAccount(backend.settings, 'fleet');

async function register(operation: string, deviceId: string, name: string): Promise<string> {
  const limits = limitsOfCall(account(), operation, { deviceId });
  await registerLimits(db, account().poolKey, limits);
  return limits.find(({ template }) => template.name === name)?.key ?? 'none';
}

async function commandTo(device: string): Promise<string> {
  const { command } = await createCommand(db, {
    ...{ account: 'fleet', requestId: null, device, code: 'stop', params: [], repeatable: false },
    ...{ timeoutMs: 60_000, waitForPool: true, askedBy: 'a test' },
  });
  return `command:${command.id}`;
}

test('a device’s calls of the day are used up: which limit, and until when; other devices wait for nothing', async () => {
  const key = await register('sendcmd', 'd1', 'device-action-per-day');
  await register('sendcmd', 'd2', 'device-action-per-day');
  const until = Date.now() + 3_600_000;
  await db.query('update limits set used = 2, resets_at = $2 where key = $1', [key, until]);
  expect(await explainWork(backend, { id: await commandTo('d1') })).toMatchObject({
    wait: {
      why: expect.stringContaining('device-action-per-day'),
      until,
      frees: expect.stringContaining('limit set'),
    },
  });
  expect(await explainWork(backend, { id: await commandTo('d2') })).toMatchObject({ wait: null });
});

test('a command is called back without Temporal, too: what has its row as cancelled does not send it', async () => {
  const id = (await commandTo('d3')).slice('command:'.length);
  const cancelled = await cancelCommand(backend, { command: id, reason: 'not needed' });
  expect(cancelled).toMatchObject({ state: 'cancelled', resultMessage: 'not needed' });
  expect(await markSending(db, Number(id), 'a late attempt')).toBe(false);
});

test('a result is polled for by other calls: it waits for their limits, and not for the command’s own', async () => {
  const key = await register('querycommand', 'd1', 'account-per-day');
  const id = await commandTo('d1');
  await db.query(
    `update commands set state = 'queued', vendor_command_id = '7', sent_at = clock_timestamp() where 'command:' || id = $1`,
    [id],
  );
  expect(await explainWork(backend, { id })).toMatchObject({
    wait: { why: expect.stringContaining('the vendor has it') },
  });
  const until = Date.now() + 3_600_000;
  await db.query('update limits set used = capacity, resets_at = $2 where key = $1', [key, until]);
  expect(await explainWork(backend, { id })).toMatchObject({
    wait: { why: expect.stringContaining('account-per-day'), until },
  });
});
