import { Runtime } from '@temporalio/worker';
import { listEvents } from '../../../../../store/events/events';
import { readCallCounts } from '../../../../../store/permits/call-counts';
import { applyPoolEvent, readPool, registerPool } from '../../../../../store/pools/pools';
import { type Cli, cliFor } from '../../../../support/cli';
import { type Gps51Stack, startGps51Stack } from '../../../../support/stacks/gps51-stack';

const PASSWORD = 'driver-secret';
const WRONG = 'a-wrong-guess-7261';

let stack: Gps51Stack;
let sluice: Cli;

/** As the vendor says it now. */
const auth = (...more: string[]) => ['user-auth', 'gps51', '--username', 'driver', '--max-age', '0', ...more];

beforeAll(async () => {
  stack = await startGps51Stack({ account: { limits: { 'ip-per-minute': { count: 500 } } } });
  // The tables are made by the first worker.
  await (await stack.startWorker()).stop();
  sluice = cliFor(stack);
});

afterEach(() => {
  stack.simulator.control({ clearErrors: true, restore: ['driver'] });
});

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

test('good credentials: accepted, with the devices that this user sees', async () => {
  const ran = await sluice(auth('--json'), `${PASSWORD}\n`);
  expect(ran).toMatchObject({ code: 0, err: '' });
  const { kind, devices } = JSON.parse(ran.out) as { kind: string; devices: { group: string }[] };
  expect(kind).toBe('ok');
  expect(devices.length).toBeGreaterThan(0);
  expect(new Set(devices.map((d) => d.group))).toEqual(new Set(['group-1']));
  const shown = await sluice(auth('--password-from', 'env:DRIVER'), '', { DRIVER: PASSWORD });
  expect(shown.out).toContain(`driver: accepted; sees ${devices.length} devices`);
});

test('whom the vendor has accepted is believed, with those credentials alone, until it refuses them', async () => {
  const remembered = (password: string) =>
    sluice(['user-auth', 'gps51', '--username', 'driver', '--json'], password);
  const calls = async () =>
    (await readCallCounts(stack.db, stack.pool, 0)).reduce((sum, { calls: n }) => sum + n, 0);
  expect(await sluice(auth(), PASSWORD)).toMatchObject({ code: 0 });
  const before = await calls();
  const found = await remembered(PASSWORD);
  expect(found.code).toBe(0);
  expect(JSON.parse(found.out)).toMatchObject({ kind: 'ok', acceptedAt: expect.stringMatching(/^20\d\d-/) });
  expect(await calls()).toBe(before);
  // Another password is asked for, and says nothing against the one that was accepted.
  expect(await remembered(WRONG)).toMatchObject({ code: 4 });
  expect(await remembered(PASSWORD)).toMatchObject({ code: 0 });
  stack.simulator.control({ addErrors: [{ code: 8903, action: 'querymonitorlist', count: 1 }] });
  expect(await sluice(auth(), PASSWORD)).toMatchObject({ code: 4 });
  stack.simulator.control({ addErrors: [{ code: 8903, action: 'querymonitorlist', count: 1 }] });
  expect(await remembered(PASSWORD)).toMatchObject({ code: 4 });
});

test('wrong credentials: refused, and our own pool goes on', async () => {
  const ran = await sluice(auth(), WRONG);
  expect(ran).toMatchObject({ code: 4, out: '' });
  expect(ran.err).toContain('refused by the vendor: username or password error');
  const pool = await readPool(stack.db, stack.pool);
  expect(pool?.state.state).toBe('closed');
});

test.each([
  [8903, 4],
  [8905, 5],
])('what befalls the user’s account (%i) leaves ours as it is', async (code, exit) => {
  stack.simulator.control({ addErrors: [{ code, action: 'querymonitorlist', count: 1 }] });
  expect(await sluice(auth(), PASSWORD)).toMatchObject({ code: exit });
  expect((await readPool(stack.db, stack.pool))?.state.state).toBe('closed');
});

test('a refusal as too fast is waited out and the call repeated; when refusals go on, the check reports them', async () => {
  stack.simulator.control({ addErrors: [{ code: 8902, action: 'login', count: 1 }] });
  expect(await sluice(auth(), PASSWORD)).toMatchObject({ code: 0 });
  stack.simulator.control({ addErrors: [{ code: 8902, action: 'login' }] });
  const ran = await sluice(auth('--timeout', '3s'), PASSWORD);
  expect(ran).toMatchObject({ code: 5, out: '' });
  expect(ran.err).toMatch(/not checked, too many calls; again \d{4}-/);
  stack.simulator.control({ clearErrors: true });
  await stack.db.query('update limits set blocked_until = 0');
});

test('a pool that an operator holds lets no check through; a quota of ours that is used up does', async () => {
  const { fleet } = stack;
  await registerPool(stack.db, stack.pool, fleet.pool);
  const { after } = await applyPoolEvent(stack.db, stack.pool, {
    type: 'quota',
    epoch: (await readPool(stack.db, stack.pool))?.state.epoch ?? 0,
    statedWaitMs: 3_600_000,
    reason: 'our day is used up',
    evidence: { vendor: 'gps51', account: stack.account, operation: 'lastposition' },
    jitter: 0,
  });
  expect(after.state).toBe('quota_paused');
  expect(await sluice(auth(), PASSWORD)).toMatchObject({ code: 0 });
  await applyPoolEvent(stack.db, stack.pool, { type: 'pause', reason: 'stock count', until: null });
  const ran = await sluice(auth(), PASSWORD);
  expect(ran).toMatchObject({ code: 5, out: '' });
  expect(ran.err).toContain('stock count');
  await applyPoolEvent(stack.db, stack.pool, { type: 'resume' });
});

test('it is counted under its function, charged to the IP, and to a class of users', async () => {
  const counts = await readCallCounts(stack.db, stack.pool, 0);
  const own = counts.filter((c) => c.operation.startsWith('user-'));
  expect(own.length).toBeGreaterThan(0);
  expect(new Set(own.map((c) => c.caller))).toEqual(new Set(['gps51-user-auth']));
  const { rows } = await stack.db.query<{ key: string; granted_calls: number }>(
    'select key, granted_calls from limits where granted_calls > 0 order by key',
  );
  const keys = rows.map((r) => r.key);
  expect(keys.some((key) => key.endsWith('/ip-per-minute'))).toBe(true);
  expect(keys.filter((key) => key.endsWith('/user-per-day'))).toHaveLength(1);
  expect(keys.some((key) => key.endsWith('/account-per-day'))).toBe(false);
});

test('the password is in no table, log or output, and no argument takes it', async () => {
  const { rows: tables } = await stack.db.query<{ name: string }>(
    `select quote_ident(table_name) as name from information_schema.tables
     where table_schema = 'sluice' and table_type = 'BASE TABLE'`,
  );
  expect(tables.length).toBeGreaterThan(10);
  for (const { name } of tables) {
    const { rows } = await stack.db.query(
      `select 1 from ${name} t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0`,
      [PASSWORD, WRONG],
    );
    expect({ name, rows }).toEqual({ name, rows: [] });
  }
  const events = JSON.stringify(await listEvents(stack.db, { limit: 1000 }));
  expect(events).not.toContain(PASSWORD);
  const refused = await sluice(auth('--password', PASSWORD), '');
  expect(refused).toMatchObject({ code: 2, out: '' });
  const mistaken = await sluice(auth('--password-from', PASSWORD), '');
  expect(mistaken).toMatchObject({ code: 2, out: '' });
  expect(mistaken.err).toContain('must be a reference such as env:NAME');
  expect(mistaken.err).not.toContain(PASSWORD);
  expect(await sluice(auth(), '')).toMatchObject({ code: 2, err: expect.stringContaining('is empty') });
  const nobody = await sluice(['user-auth', 'gps51', '--username', ''], PASSWORD);
  expect(nobody).toMatchObject({ code: 2, err: expect.stringContaining('--username: must not be empty') });
});
