/** Servers that fall silent: whoever waits for them is told soon. */
import type { Client } from '@temporalio/client';
import { type Context, contextWith, withTemporal } from '../../../../../client/operations/backend/context';
import { openBackend } from '../../../../../client/operations/backend/open-backend';
import { examineMachine } from '../../../../../client/operations/diagnosis/doctor';
import { beginStatus } from '../../../../../client/operations/diagnosis/status';
import { stateDir } from '../../../../../embedded/state-dir';
import { parseSettings } from '../../../../../settings';
import type { GuardedPool } from '../../../../../store/connections/guarded-pool';
import { eventually } from '../../../../support/eventually';
import { type BreakableProxy, startBreakableProxy } from '../../../../support/network/breakable-proxy';
import { testDatabase, testTemporal } from '../../../../support/stacks/embedded';

/** A busy machine answers within the second. */
const WATCH = { lateMs: 150, answerMs: 2_000 };

test('whoever waits for a silent database is told soon, and the next one is served when it is back', async () => {
  const database = await testDatabase({ migrated: true });
  const { hostname, port } = new URL(database.url);
  const proxy = await startBreakableProxy(`${hostname}:${port}`);
  const url = database.url.replace(`${hostname}:${port}`, proxy.address);
  const settings = parseSettings(`{ database: { url: '${url}' }, accounts: {} }`, {
    file: null,
    baseDir: '/',
    env: {},
  });
  const backend = openBackend(
    contextWith(settings, stateDir('/nowhere', {}), () => undefined),
    {
      ...{ applicationName: 'test', connections: 2, watch: WATCH },
    },
  );
  const ask = (sql = 'select 1') => backend.database((db) => db.query(sql)).then(({ rowCount }) => rowCount);
  // Slow is not silent.
  expect(await ask(`select pg_sleep(0.6)`)).toBe(1);
  proxy.silence(true);
  const from = performance.now();
  const asked = await Promise.allSettled(Array.from({ length: 5 }, () => ask()));
  expect(performance.now() - from).toBeLessThan(30_000);
  for (const one of asked) {
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'DATABASE_UNAVAILABLE' } });
  }
  proxy.restore();
  // A busy machine's Postgres may pass for silent once more.
  expect(await eventually('the next is served', () => ask())).toBe(1);
  await backend.close();
  await proxy.close();
  await database.drop();
});

test('work that has not asked yet when its connections are given up for others hears why', async () => {
  const database = await testDatabase({ migrated: true });
  const yaml = `{ database: { url: '${database.url}' }, accounts: {} }`;
  const settings = parseSettings(yaml, { file: null, baseDir: '/', env: {} });
  const context = contextWith(settings, stateDir('/nowhere', {}), () => undefined);
  const backend = openBackend(context, { applicationName: 'test', connections: 2 });
  const given = backend.database(async (db) => {
    (db as GuardedPool).abandon();
    return db.query('select 1');
  });
  await expect(given).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
    message: expect.stringContaining('does not answer in time'),
  });
  await backend.close();
  // As where the server has moved.
  const moved = openBackend(context, { applicationName: 'test', connections: 2 });
  const ended = moved.database(async (db) => {
    await db.end();
    return db.query('select 1');
  });
  await expect(ended).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
    message: expect.stringContaining('was cut'),
  });
  await database.drop();
});

describe('a Temporal that is silent', () => {
  const hello = (client: Client) => client.workflowService.getSystemInfo({}).then(() => 'hello');
  let proxy: BreakableProxy;
  let context: Context;

  beforeEach(async () => {
    proxy = await startBreakableProxy((await testTemporal()).address);
    const yaml = `{ temporal: { address: '${proxy.address}', encryptPayloads: false }, accounts: {} }`;
    const settings = parseSettings(yaml, { file: null, baseDir: '/', env: {} });
    context = contextWith(settings, stateDir('/nowhere', {}), () => undefined);
  });
  afterEach(() => proxy.close());

  const silent = { code: 'TEMPORAL_UNAVAILABLE', message: expect.stringContaining('does not answer') };

  test('before a command has a connection', async () => {
    proxy.silence(true);
    const from = performance.now();
    await expect(context.temporal(hello)).rejects.toMatchObject(silent);
    expect(performance.now() - from).toBeLessThan(30_000);
    proxy.restore();
    await expect(context.temporal(hello)).resolves.toBe('hello');
  });

  test('what Postgres knows is in the status all the same, and doctor names who is silent', async () => {
    const database = await testDatabase({ migrated: true });
    const { temporal } = context.settings;
    const yaml = `{ database: { url: '${database.url}' }, temporal: { address: '${temporal.address}', encryptPayloads: false }, accounts: {} }`;
    const settings = parseSettings(yaml, { file: null, baseDir: '/', env: {} });
    const whole = contextWith(settings, stateDir('/nowhere', {}), () => undefined);
    proxy.silence(true);
    const from = performance.now();
    const parts = beginStatus(whole, 1_000);
    expect(await Promise.all([parts.pools, parts.batches])).toEqual([{ value: [] }, { value: [] }]);
    expect(await parts.worker).toEqual({ problem: silent.message });
    expect(await parts.syncs).toEqual({ problem: silent.message });
    const checks = await examineMachine(whole, {});
    expect(checks).toContainEqual({ name: 'Temporal', result: 'fail', detail: silent.message });
    expect(checks).toContainEqual(expect.objectContaining({ name: 'Database', result: 'ok' }));
    // Both, one after the other: each is bounded by the same few seconds.
    expect(performance.now() - from).toBeLessThan(60_000);
    await database.drop();
  });

  test('while a command waits for it, unless that looks after itself', async () => {
    const falls = async (client: Client) => {
      proxy.silence(true);
      return hello(client);
    };
    await expect(context.temporal(falls)).rejects.toMatchObject(silent);
    proxy.restore();
    const patient = async (client: Client) => {
      proxy.silence(true);
      return client.withDeadline(Date.now() + 300, () => hello(client)).catch(() => 'looked after');
    };
    await expect(withTemporal(context, patient, true)).resolves.toBe('looked after');
  });

  test('while a process that keeps its connection uses it: the next work has another one', async () => {
    const backend = openBackend(context, { applicationName: 'test', connections: 1, watch: WATCH });
    expect(await backend.temporal(hello)).toBe('hello');
    // New connections work: only this one has been forgotten by what lies between.
    proxy.silence();
    const from = performance.now();
    await expect(backend.temporal(hello)).rejects.toMatchObject(silent);
    expect(performance.now() - from).toBeLessThan(30_000);
    expect(await backend.temporal(hello)).toBe('hello');
    await backend.close();
  });

  test.each([
    ['itself', hello],
    ['about a workflow', (client: Client) => client.workflow.getHandle('none').describe()],
  ])('whose connection is closed under work that has not asked yet, %s: it hears why', async (_, ask) => {
    const backend = openBackend(context, { applicationName: 'test', connections: 1, watch: WATCH });
    const given = backend.temporal(async (client) => {
      await backend.close();
      return ask(client);
    });
    await expect(given).rejects.toMatchObject({ code: 'TEMPORAL_UNAVAILABLE' });
  });
});
