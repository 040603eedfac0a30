/** Remote commands of MyBMW as a person sends them, from several processes that share one user agent and its quota. */
import { Runtime } from '@temporalio/worker';
import { listCommands } from '../../../../store/commands/commands';
import { readDeployment } from '../../../../store/deployment';
import { readCallCounts } from '../../../../store/permits/call-counts';
import { type MyBmwSimulator, startMyBmwSimulator } from '../../../../vendors/bmw-mybmw/simulator';
import { callsSeen } from '../../../support/callers/vendor-view';
import { type Cli, cliFor } from '../../../support/cli';
import { eventually } from '../../../support/eventually';
import { type CoreStack, startCore } from '../../../support/stacks/core-stack';
import { uniqueName } from '../../../support/stacks/embedded';

const [ONE, TWO, PREFIX] = [uniqueName('one'), uniqueName('two'), uniqueName('acme')];
const [FIRST, SECOND] = ['demo@example.com', 'second@example.com'];
const USERS = { [ONE]: FIRST, [TWO]: SECOND };
const QUICK = {
  pendingMs: 0,
  deliveredMs: { min: 0, max: 0 },
  executedMs: { min: 10, max: 10 },
  slowShare: 0,
};

let stack: CoreStack;
let simulator: MyBmwSimulator;
let sluice: Cli;
const vins: Record<string, string> = {};

beforeAll(async () => {
  const started = await startCore({
    name: 'mybmw',
    env: {},
    startVendor: () =>
      startMyBmwSimulator({
        users: Object.values(USERS).map((email) => ({ email, password: 'demo' })),
        cars: Object.values(USERS).map((owner) => ({
          owner,
          parked: true,
          driveTrain: 'COMBUSTION' as const,
        })),
        commands: QUICK,
      }),
    settings: ({ url }) => ({
      accounts: Object.fromEntries(
        Object.keys(USERS).map((name) => [
          name,
          { vendor: 'bmw-mybmw', baseUrl: url, userAgentPrefix: PREFIX },
        ]),
      ),
    }),
  });
  stack = started;
  simulator = started.vendor;
  await stack.startWorker();
  sluice = cliFor(stack);
  const cars = (await (await fetch(`${simulator.url}/_sim/cars`)).json()) as { vin: string; owner: string }[];
  for (const name of [ONE, TWO]) {
    vins[name] = cars.find(({ owner }) => owner === USERS[name])?.vin ?? '';
    const fields = JSON.stringify({ username: USERS[name], password: 'demo', captcha: 'solved' });
    expect(await sluice(['login', name], fields)).toMatchObject({ code: 0 });
  }
});

beforeEach(() => {
  simulator.control({ clearCommandOutcomes: true, clearFaults: true, blocked: [] });
});

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

const send = (account: string, code: string, ...more: string[]) =>
  sluice(['command', 'bmw-mybmw', vins[account] ?? '', code, '--account', account, ...more]);

async function received(command: string): Promise<number> {
  const { counts } = (await (await fetch(`${simulator.url}/_sim/commands`)).json()) as {
    counts: { command: string; count: number }[];
  };
  return counts.filter((c) => c.command === command).reduce((sum, { count }) => sum + count, 0);
}

test('what cannot be is refused by field and value, and nothing is sent', async () => {
  const before = (await callsSeen(simulator.url)).length;
  const [vin, code, repeatable, params, action] = await Promise.all([
    sluice(['command', 'bmw-mybmw', 'WBA123', 'lock', '--account', ONE]),
    send(ONE, 'open'),
    send(ONE, 'unlock', '--repeatable'),
    send(ONE, 'flash', '--param', 'twice'),
    send(ONE, 'climate', '--param', 'on'),
  ]);
  expect(vin).toMatchObject({ code: 2, err: expect.stringContaining('"WBA123" must be a VIN') });
  expect(code.err).toContain('"open" is no command of bmw-mybmw; there are lock, unlock, flash');
  expect(repeatable.err).toContain('unlock is never sent twice');
  expect(params.err).toContain('flash takes no parameters; "twice" is one too many');
  expect(action.err).toContain('action of climate must be one of start, stop, not "on"');
  for (const { code: exit } of [vin, code, repeatable, params, action]) expect(exit).toBe(2);
  expect(await listCommands(stack.db, { limit: 10 })).toEqual([]);
  expect(await callsSeen(simulator.url)).toHaveLength(before);
});

test('commands are asked about until they end, through a quota, each question is charged, and outcomes are distinguished', async () => {
  const message = 'Out of call volume quota. Quota will be replenished in 00:00:04.';
  const body = JSON.stringify({ statusCode: 403, message });
  simulator.control({
    addFaults: [{ kind: 'status', status: 403, body, operation: 'eventStatus', count: 1 }],
    commandOutcomes: [
      { command: 'light-flash', status: 'ERROR', afterMs: 0 },
      { command: 'horn-blow', status: 'IGNORED', afterMs: 0 },
      { command: 'climate-now', status: 'UNKNOWN', afterMs: 0 },
    ],
  });
  const [lock, flash, horn, climate] = await Promise.all([
    send(ONE, 'lock', '--wait'),
    send(ONE, 'flash', '--wait'),
    send(TWO, 'horn', '--wait'),
    send(TWO, 'climate', '--param', 'stop', '--wait'),
  ]);
  expect(lock).toMatchObject({ code: 0, out: expect.stringContaining('succeeded (executed)') });
  expect(flash).toMatchObject({ code: 1, out: expect.stringContaining('failed (error)') });
  expect(horn).toMatchObject({ code: 1, out: expect.stringContaining('failed (ignored)') });
  expect(climate).toMatchObject({ code: 3, out: expect.stringContaining('unknown') });
  // Whoever's question met the quota stood, and said why.
  const said = [lock, flash, horn, climate].map(({ err }) => err).join('\n');
  expect(said).toMatch(/Command \d+ waits since .* until .*replenished in 00:00:04/);
  // Where it is, it is asked for by a call of its own, which would not wait for the quota.
  const finder = await send(TWO, 'finder', '--wait');
  expect(finder).toMatchObject({
    code: 0,
    out: expect.stringMatching(/succeeded \(executed\)\nit is at \d+\.\d+, -?\d+\.\d+, heading \d+° \(/),
  });
  const calls = await callsSeen(simulator.url);
  const counts = async (pool: string, operation: string) =>
    (await readCallCounts(stack.db, pool, 0))
      .filter((c) => c.operation === operation)
      .reduce((sum, { calls: n }) => sum + n, 0);
  const asked = calls.filter(({ operation }) => operation === 'eventStatus').length;
  expect(asked).toBeGreaterThanOrEqual(6);
  expect(calls.filter(({ operation }) => operation === 'eventPosition')).toHaveLength(1);
  await eventually('each question is in the books', async () => {
    const all = [
      await counts(`bmw-mybmw/${ONE}`, 'eventStatus'),
      await counts(`bmw-mybmw/${TWO}`, 'eventStatus'),
    ];
    return all.reduce((sum, n) => sum + n, 0) === asked;
  });
  // One identity, whichever process and account it was.
  const { id } = await readDeployment(stack.db);
  const agents = new Set(calls.map(({ requestDetail }) => requestDetail.userAgent).filter(Boolean));
  expect(agents).toEqual(new Set([`${PREFIX}/${id}`]));
});

test('vehicles are listed by their VINs, and are what their profile says once that was read', async () => {
  const vin = vins[ONE] ?? '';
  const list = async () => JSON.parse((await sluice(['vehicles', 'list', '--json'])).out) as unknown;
  expect(await sluice(['vehicles', 'refresh', '--account', ONE])).toMatchObject({ code: 0 });
  expect(JSON.stringify(await list())).toContain(vin);
  const read = await sluice(['vehicle', 'read', vin, 'profile', '--account', ONE, '--json']);
  expect(read).toMatchObject({ code: 0, err: '' });
  const state = await sluice(['vehicle', 'read', vin, 'state', '--account', ONE, '--json']);
  expect(JSON.stringify(JSON.parse(state.out))).toContain('state.currentMileage');
  expect(JSON.stringify(await list())).toMatch(
    new RegExp(`"${vin}".{0,200}"brand":"BMW".{0,200}"combustion"`),
  );
});

test('an expired token is renewed without a captcha; one that is withdrawn asks for a login, once', async () => {
  const refreshes = async () =>
    (await callsSeen(simulator.url)).filter(({ operation }) => operation === 'token-refresh').length;
  const before = await refreshes();
  simulator.control({ expireTokens: [FIRST] });
  expect(await send(ONE, 'finder', '--wait')).toMatchObject({ code: 0 });
  expect(await refreshes()).toBe(before + 1);
  simulator.control({ revokeTokens: [FIRST] });
  const needed = await send(ONE, 'finder', '--wait', '--timeout', '60s');
  expect(needed).toMatchObject({ code: 1, out: expect.stringContaining(`sluice login ${ONE}`) });
  // The other account is another person's.
  expect(await send(TWO, 'finder', '--wait')).toMatchObject({ code: 0 });
  const asked = await refreshes();
  expect(await send(ONE, 'finder', '--wait', '--timeout', '60s')).toMatchObject({ code: 1 });
  expect(await refreshes()).toBe(asked);
  const fields = JSON.stringify({ username: FIRST, password: 'demo', captcha: 'solved' });
  expect(await sluice(['login', ONE], fields)).toMatchObject({ code: 0 });
  expect(await send(ONE, 'finder', '--wait')).toMatchObject({ code: 0 });
});

test('a lock whose answer was lost is not sent again', async () => {
  const before = await received('door-lock');
  simulator.control({ addFaults: [{ kind: 'drop-after-processing', operation: 'command', count: 1 }] });
  const lost = await send(ONE, 'lock', '--wait');
  expect(lost).toMatchObject({ code: 3, out: expect.stringContaining('unknown outcome (no-answer)') });
  expect(await received('door-lock')).toBe(before + 1);
});

test('a quota that one account meets stops the other one, in another process, without a call', async () => {
  simulator.control({ addFaults: [{ kind: 'status', code: 'quota', operation: 'command', count: 1 }] });
  const met = await send(ONE, 'finder', '--wait', '--timeout', '60s');
  expect(met).toMatchObject({ code: 1, out: expect.stringContaining('pool-closed') });
  const before = (await callsSeen(simulator.url)).length;
  const other = await send(TWO, 'finder', '--wait', '--timeout', '60s');
  expect(other).toMatchObject({ code: 1, out: expect.stringContaining('replenished in 00:13:18') });
  expect(await callsSeen(simulator.url)).toHaveLength(before);
  const shown = await sluice(['pool', 'show', TWO, '--json']);
  const { id } = await readDeployment(stack.db);
  expect(JSON.parse(shown.out)).toMatchObject({
    state: 'quota_paused',
    client: `${PREFIX}/${id}`,
    organization: { foundBy: ONE, pools: [`bmw-mybmw/${ONE}`, `bmw-mybmw/${TWO}`] },
  });
  // Tokens stay.
  expect((await sluice(['logins', '--json'])).out).not.toMatch(/"needsLogin": ?true|"refused"/);
  expect(await sluice(['pool', 'resume', TWO])).toMatchObject({ code: 0 });
  expect(await send(TWO, 'finder', '--wait')).toMatchObject({ code: 0 });
});

test('a login with a wrong password is refused, stops nobody, and leaves nothing of what was entered', async () => {
  const entered = { username: FIRST, password: 'a-wrong-password', captcha: 'a-captcha-that-is-solved' };
  const ran = await sluice(['login', ONE, '--json'], JSON.stringify(entered));
  expect(ran.code).toBe(4);
  expect(JSON.parse(ran.out)).toMatchObject({ kind: 'form', state: 'refused' });
  const missing = await sluice(['login', ONE], JSON.stringify({ username: FIRST }));
  expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('password') });
  const listed = JSON.parse((await sluice(['logins', '--json'])).out);
  expect(listed[0]).toMatchObject({ account: ONE, by: 'form', state: 'ready' });
  const { rows } = await stack.db.query(
    'select to_jsonb(l) as row from logins l union all select to_jsonb(e) from events e',
  );
  const kept = JSON.stringify(rows) + ran.out + ran.err + missing.err;
  expect(kept).not.toContain(entered.password);
  expect(kept).not.toContain(entered.captcha);
});

test('a user agent that is shut out holds all accounts, in words that say why', async () => {
  simulator.control({ blocked: [`${PREFIX}/*`] });
  const met = await send(TWO, 'flash', '--wait', '--timeout', '60s');
  expect(met).toMatchObject({
    code: 1,
    out: expect.stringMatching(/489.*shuts this user agent out.*"Blocked"/),
  });
  const before = (await callsSeen(simulator.url)).length;
  expect(await send(ONE, 'flash', '--wait', '--timeout', '60s')).toMatchObject({ code: 1 });
  expect(await callsSeen(simulator.url)).toHaveLength(before);
});
