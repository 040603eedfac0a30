import { Runtime } from '@temporalio/worker';
import { type Cli, cliFor } from '../../../../support/cli';
import { eventually } from '../../../../support/eventually';
import { type Gps51Stack, QUICK_GPS51, startGps51Stack } from '../../../../support/stacks/gps51-stack';

const DAY = 86_400_000;

let stack: Gps51Stack;
let sluice: Cli;

beforeAll(async () => {
  stack = await startGps51Stack({
    scenario: { fleet: { devices: 3, parkedShare: 0 }, rules: { trajectoryPerDay: 1000 } },
    account: { limits: { ...QUICK_GPS51, 'device-trajectory-per-day': { count: 1000 } } },
    datasets: [{ dataset: 'gps51/positions' }, { dataset: 'gps51/trips' }, { dataset: 'gps51/tracks' }],
  });
  sluice = cliFor(stack);
  await stack.startWorker();
});

afterAll(async () => {
  for (const kind of ['positions', 'trips']) {
    await stack?.client.schedule
      .getHandle(`sync:gps51/${kind}:${stack.account}`)
      .delete()
      .catch(() => undefined);
  }
  await stack?.close();
  await Runtime.instance().shutdown();
});

/** Fixed, so that the same words mean the same days when the day turns. */
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const day = (daysAgo: number) => new Date(TODAY - daysAgo * DAY).toISOString().slice(0, 10);
const span = ['--from', day(4), '--to', day(2)];

interface Listed {
  readonly dataset: string;
  readonly running: boolean;
  readonly schedule: {
    readonly paused: boolean;
    readonly note: string;
    readonly intervalMs: number;
    readonly nextRunAt: string | null;
    readonly lastRun: { status: string; result: { outcome: string; detail: string } | null } | null;
  } | null;
}
async function listed(kind: string): Promise<Listed> {
  const { out } = await sluice(['sync', 'list', '--json']);
  const found = (JSON.parse(out) as Listed[]).find(({ dataset }) => dataset === `gps51/${kind}`);
  if (!found) throw new Error(`not listed: ${out}`);
  return found;
}

test('a schedule is made once, runs, is paused with a reason and resumed, and is seen doing it', async () => {
  expect((await listed('positions')).schedule).toBeNull();
  const id = `sync:gps51/positions:${stack.account}`;
  expect(await sluice(['sync', 'start', 'gps51/positions'])).toMatchObject({
    code: 0,
    out: `Started: ${id}\n`,
  });
  expect(await sluice(['sync', 'start', 'gps51/positions'])).toMatchObject({
    code: 0,
    out: `Runs already: ${id}\n`,
  });
  await stack.client.schedule.getHandle(id).trigger('SKIP');
  const ran = await eventually('the first run has ended', async () => {
    const { schedule } = await listed('positions');
    return schedule?.lastRun?.result ? schedule : null;
  });
  expect(ran).toMatchObject({
    paused: false,
    intervalMs: 60_000,
    lastRun: {
      status: 'done',
      // By the schedule's own clock it may have run before.
      result: { outcome: 'done', detail: expect.stringMatching(/^\d positions? of 3 devices in \d calls?/) },
    },
  });
  const { rows } = await stack.db.query('select 1 from latest_positions where account = $1', [stack.account]);
  expect(rows).toHaveLength(3);
  const { spec, policies } = await stack.client.schedule.getHandle(id).describe();
  expect(spec.intervals).toMatchObject([{ every: 60_000 }]);
  expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 60_000 });

  expect(await sluice(['sync', 'pause', 'gps51/positions', '--reason', 'inventory count'])).toMatchObject({
    code: 0,
  });
  expect(await listed('positions')).toMatchObject({
    running: false,
    schedule: { paused: true, note: 'inventory count', nextRunAt: null },
  });
  // A start brings the schedule up to the settings and leaves the operator's pause alone.
  await sluice(['sync', 'start', 'gps51/positions']);
  const table = (await sluice(['sync', 'list'])).out;
  expect(table).toMatch(
    /gps51\/positions .* paused .*inventory count .*to do: npx sluice sync resume .*; last run .*\d positions? of 3 devices/,
  );
  expect(table).not.toMatch(/gps51\/tracks/);
  await sluice(['sync', 'resume', 'gps51/positions']);
  const asked = Date.now();
  const resumed = await listed('positions');
  expect(resumed).toMatchObject({ running: true, schedule: { paused: false } });
  expect(Date.parse(resumed.schedule?.nextRunAt ?? '')).toBeGreaterThan(asked);

  expect(await sluice(['sync', 'stop', 'gps51/positions'])).toMatchObject({ code: 0 });
  expect(await sluice(['sync', 'pause', 'gps51/positions'])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/there is no schedule .*sluice sync start gps51\/positions/),
  });
});

test('trips run every fifteen minutes; tracks have no sync, and say what to do instead', async () => {
  await sluice(['sync', 'start', 'gps51/trips']);
  expect((await listed('trips')).schedule).toMatchObject({ intervalMs: 15 * 60_000, paused: false });
  expect(await sluice(['sync', 'start', 'gps51/tracks'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/has no sync; fetch it with: npx sluice backfill gps51\/tracks/),
  });
  for (const order of ['pause', 'resume', 'stop']) {
    expect(await sluice(['sync', order, 'gps51/tracks'])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/has no sync; fetch it with: npx sluice backfill gps51\/tracks/),
    });
  }
  expect(await sluice(['sync', 'stop', 'gps51/trips'])).toMatchObject({ code: 0 });
});

test('a backfill of a device that is not there is refused before it is started', async () => {
  expect(await sluice(['backfill', 'gps51/tracks', ...span, '--device', 'nobody'])).toMatchObject({
    code: 2,
    err: expect.stringMatching(/--device: account .* has no device "nobody"/),
  });
});

test('a backfill is planned, followed to its end, started again without a call, covered and exported', async () => {
  const plan = JSON.parse(
    (await sluice(['plan', 'gps51/tracks', ...span, '--device-count', '100', '--json'])).out,
  ) as Record<string, unknown>;
  expect(plan).toMatchObject({ devices: 100, calls: 200, operation: 'querytracks', days: 1 });

  const done = await sluice(['backfill', 'gps51/tracks', ...span, '--wait']);
  expect(done).toMatchObject({
    code: 0,
    out: expect.stringMatching(/done: 6\/6 calls, [\d,]+ rows, 0 failed/),
  });
  const again = await sluice(['backfill', 'gps51/tracks', ...span, '--wait', '--json']);
  expect(JSON.parse(again.out.trim().split('\n').at(-1) ?? '')).toMatchObject({
    type: 'result',
    workflowId: expect.stringContaining(`backfill:gps51/tracks:${stack.account}:`),
    chunks: 0,
  });
  expect((await sluice(['plan', 'backfill', 'gps51/tracks', ...span])).out).toBe(
    'Nothing is missing: 0 calls.\n',
  );

  const coverage = JSON.parse((await sluice(['coverage', 'gps51/tracks', ...span, '--json'])).out) as {
    rows: number;
  };
  expect(coverage).toMatchObject({ windows: 6, done: 6, gaps: [] });
  const [wanted] = (await stack.db.query('select min(device_id) as id from fleet_devices')).rows;
  const one = await sluice(['coverage', 'gps51/tracks', ...span, '--device', wanted.id, '--json']);
  expect(JSON.parse(one.out)).toMatchObject({ windows: 2, series: [{ partition: { deviceId: wanted.id } }] });

  const csv = await sluice(['export', 'gps51/tracks', ...span]);
  const lines = csv.out.trim().split('\n');
  expect(lines[0]).toMatch(/^account,device_id,at,arrived_at,latitude,longitude,/);
  expect(lines).toHaveLength(coverage.rows + 1);
  const jsonl = await sluice(['export', 'gps51/tracks', ...span, '--format', 'jsonl']);
  expect(JSON.parse(jsonl.out.split('\n')[0] ?? '')).toMatchObject({
    account: stack.account,
    source: 'track',
  });
});

test('one backfill is paused with a reason, seen to be, and resumed, while the rest goes on', async () => {
  const early = ['--from', day(6), '--to', day(4)];
  const id = `backfill:gps51/tracks:${stack.account}:${day(6)}T00:00..${day(4)}T00:00`;
  expect(await sluice(['backfill', 'pause', 'gps51/tracks'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('no run of "gps51/tracks"'),
  });
  // So that it is still there when it is paused.
  await sluice(['pool', 'pause', stack.account, '--reason', 'for the test']);
  await sluice(['backfill', 'gps51/tracks', ...early]);
  const paused = await sluice(['backfill', 'pause', 'gps51/tracks', '--reason', 'stock-taking', '--json']);
  expect(JSON.parse(paused.out)).toMatchObject({
    workflowId: id,
    wasPaused: false,
    status: { phase: 'paused', detail: 'stock-taking', until: null },
  });
  // Who follows it may go away at any time, and it goes on.
  expect(await sluice(['backfill', 'gps51/tracks', ...early, '--wait'], '', {}, /windows/)).toMatchObject({
    code: 130,
    err: `Backfill goes on without this command: ${id}\n`,
  });
  await sluice(['pool', 'resume', stack.account]);
  expect((await sluice(['backfill', 'list'])).out).toMatch(
    /backfill:gps51\/tracks.*paused by an operator .*stock-taking/,
  );
  expect((await sluice(['status'])).out).toMatch(
    new RegExp(
      `Backfill  ${id}: paused by an operator,.*\\(stock-taking.*; to do: npx sluice backfill resume `,
    ),
  );
  expect(await sluice(['backfill', 'resume', `gps51/tracks/${stack.account}`])).toMatchObject({
    code: 0,
    out: `${id}: resumed\n`,
  });
  expect(await stack.client.workflow.getHandle(id).result()).toMatchObject({ done: 6, failed: 0 });
  expect(JSON.parse((await sluice(['backfill', 'list', '--json'])).out)).toEqual([]);
});

test('a few devices are fetched by themselves', async () => {
  const [wanted] = (await stack.db.query('select max(device_id) as id from fleet_devices')).rows;
  const ran = await sluice(['backfill', 'gps51/trips', ...span, '--device', wanted.id, '--wait']);
  expect(ran).toMatchObject({ code: 0, out: expect.stringContaining('done: 2/2 calls') });
  const { rows } = await stack.db.query(
    `select distinct device_id from trips where start_time between $1 and $2`,
    [day(4), day(2)],
  );
  expect(rows).toEqual([{ device_id: wanted.id }]);
  expect((await sluice(['coverage', 'gps51/positions'])).out).toMatch(/3 devices, of 3 a position is known/);
});

test.each([
  [['backfill', 'gps51/positions', ...span], /dataset: gps51\/positions is live and has no past/],
  [
    ['backfill', 'gps51/tracks', '--from', day(2), '--to', day(-2)],
    /--to: .* is too late; .* the latest is now/,
  ],
  [
    ['backfill', 'gps51/tracks', ...span, '--chunk', '2d'],
    /--chunk: "2d" must be whole hours and at most 24h/,
  ],
  [['plan', 'gps51/tracks', ...span, '--device', 'nobody'], /--device: account ".*" has no device "nobody"/],
  [
    ['plan', 'gps51/tracks', ...span, '--device-count', 'many'],
    /--device-count: "many" must be a whole number/,
  ],
  [
    ['plan', 'gps51/tracks', ...span, '--report-time', '5s'],
    /--report-time: does not apply to gps51\/tracks/,
  ],
  [['sync', 'start', 'gps51/rides'], /dataset "gps51\/rides" is unknown .*gps51\/trips/],
])('%j is refused', async (args, why) => {
  expect(await sluice(args)).toMatchObject({ code: 2, err: expect.stringMatching(why) });
});
