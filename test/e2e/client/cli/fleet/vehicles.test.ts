import { Runtime } from '@temporalio/worker';
import { storeDevices, storeLivePositions } from '../../../../../store/fleet/fleet';
import { readCallCounts } from '../../../../../store/permits/call-counts';
import { applyPoolEvent, readPool } from '../../../../../store/pools/pools';
import { type Cli, cliFor } from '../../../../support/cli';
import { startApi } from '../../../../support/processes/api-process';
import { type Gps51Stack, startGps51Stack } from '../../../../support/stacks/gps51-stack';

let stack: Gps51Stack;
let sluice: Cli;
let device = '';

beforeAll(async () => {
  stack = await startGps51Stack({ scenario: { fleet: { devices: 3 } } });
  // The tables are made by the first worker.
  await (await stack.startWorker()).stop();
  sluice = cliFor(stack);
});

afterAll(async () => {
  await stack?.close();
  await Runtime.instance().shutdown();
});

const json = async (...args: string[]) => JSON.parse((await sluice([...args, '--json'])).out);
const calls = async (operation: string) =>
  (await readCallCounts(stack.db, stack.pool, 0))
    .filter((count) => count.operation === operation)
    .reduce((sum, count) => sum + count.calls, 0);

test('devices of a fleet are vehicles: the list is fetched once, and stored', async () => {
  const [list] = await json('vehicles', 'list');
  expect(list).toMatchObject({ account: stack.account, stale: null });
  expect(list.vehicles).toHaveLength(3);
  device = list.vehicles[0].vehicleId;
  const shown = await sluice(['vehicles', 'list', '--account', stack.account]);
  expect(shown.out).toContain(device);
  expect(shown.err).toMatch(/: 3 vehicles, listed .* ago/);
  expect(await calls('querymonitorlist')).toBe(1);
});

test('the position is read for all of them by one call, and shown with its age and source', async () => {
  const read = await json('vehicle', 'read', device, 'position');
  expect(read).toMatchObject({ vehicleId: device, read: 'position', source: 'call', stale: null });
  expect(read.values.latitude).toMatchObject({ state: 'value', unit: 'degrees', source: 'call' });
  const [list] = await json('vehicles', 'list');
  const shown = await sluice(['vehicle', 'read', list.vehicles[2].vehicleId, 'position']);
  expect(shown.out).toMatch(/^latitude +-?\d+\.\d+ +degrees/m);
  expect(shown.err).toMatch(/^position of .*: 9 values, stored, .* old, by call/);
  expect(await calls('lastposition')).toBe(1);
  const { reads } = await json('vehicles', 'show', device);
  expect(reads).toMatchObject([{ name: 'position', stored: [{ values: 9, failures: 0 }] }]);
});

test('what the live feed has brought answers a read, too', async () => {
  const now = Date.now();
  await storeDevices(stack.db, stack.account, [listed(device)], now);
  const position = { ...here(device), at: now, latitude: 1.5 };
  await storeLivePositions(stack.db, {
    account: stack.account,
    positions: [position],
    cursor: { before: null, after: '1' },
    snapshotOf: [device],
    now,
  });
  await stack.db.query(
    `update reads set answered_at = answered_at - interval '1 day' where read = 'position'`,
  );
  const read = await json('vehicle', 'read', device, 'position');
  expect(read).toMatchObject({ source: 'live', values: { latitude: { value: 1.5, source: 'live' } } });
  expect(await calls('lastposition')).toBe(1);
});

test('under a closed pool: the last answer, and until when there is none fresher', async () => {
  await applyPoolEvent(stack.db, stack.pool, {
    type: 'quota',
    epoch: (await readPool(stack.db, stack.pool))?.state.epoch ?? 0,
    statedWaitMs: 3_600_000,
    reason: 'the day is used up',
    evidence: { vendor: 'gps51', account: stack.account, operation: 'lastposition' },
    jitter: 0,
  });
  const shown = await sluice(['vehicle', 'read', device, 'position', '--max-age', '0']);
  expect(shown.code).toBe(0);
  expect(shown.err).toMatch(/nothing fresher: .*the day is used up; fresher from .* \(in (59|1 h)/);
  await stack.db.query('with gone as (delete from fleet_cursors) delete from reads');
  const none = await sluice(['vehicle', 'read', device, 'position']);
  expect(none).toMatchObject({ code: 1, out: '' });
  expect(none.err).toMatch(/was never answered, and cannot be called now: .*the day is used up/);
  await applyPoolEvent(stack.db, stack.pool, { type: 'resume' });
});

test('what is wrong is named, and nothing is sent', async () => {
  await json('vehicles', 'refresh');
  const before = await calls('querymonitorlist');
  const wrong: [string[], string][] = [
    [['vehicle', 'read', device, 'speed'], 'read: "speed" is no read of gps51; there are position'],
    [['vehicle', 'read', 'no such', 'position'], 'vehicle: "no such" is no device id'],
    [['vehicle', 'read', '4711', 'position'], 'vehicle: "4711" is not among the vehicles of account'],
    [['vehicle', 'read', device, 'position', '--account', 'nobody'], '--account: account "nobody" is not in'],
    [
      ['vehicle', 'read', device, 'position', '--max-age', 'soon'],
      '--max-age: "soon" is not a length of time',
    ],
    [['vehicle', 'read', device, 'position', '--param', 'x'], '--param: "x" must be name=value'],
    [['vehicle', 'read', device, 'position', '--param', 'x=1'], '--param: "x" is no parameter of position'],
    [['vehicles', 'show', '4711'], 'vehicle: "4711" is not among the vehicles'],
  ];
  for (const [args, text] of wrong) {
    const ran = await sluice(args);
    expect({ args, ...ran }).toMatchObject({ code: 2, out: '', err: expect.stringContaining(text) });
  }
  expect(await calls('querymonitorlist')).toBe(before);
});

test('the same over HTTP', async () => {
  const api = await startApi(stack.settingsYaml, { ...stack.env, DATABASE_URL: stack.databaseUrl });
  try {
    const get = async (path: string) => {
      const response = await fetch(`${api.url}/api/v1${path}`);
      return { status: response.status, body: await response.json() };
    };
    const read = await get(`/vehicles/${device}/reads/position?maxAge=1h`);
    expect(read).toMatchObject({ status: 200, body: { vehicleId: device, stale: null } });
    expect(await get(`/vehicles/${device}/reads/position?params=x=1`)).toMatchObject({
      status: 400,
      body: { field: 'params', detail: expect.stringContaining('"x" is no parameter of position') },
    });
    expect(await get('/vehicles')).toMatchObject({ status: 200, body: [{ account: stack.account }] });
  } finally {
    await api.end();
  }
});

test('an end user reads as often as the settings allow', async () => {
  await stack.db.query('delete from reader_buckets');
  const read = ['vehicle', 'read', device, 'position', '--user', 'anna@example.com'];
  expect((await sluice(read)).code).toBe(0);
  const { rows } = await stack.db.query<{ reader: string }>('select reader from reader_buckets');
  expect(rows).toHaveLength(1);
  expect(rows[0]?.reader).not.toContain('anna');
  // As if a minute's reads more than are allowed had been made: a start of the command takes a second of it back.
  await stack.db.query('update reader_buckets set level = 120, at = clock_timestamp()');
  const refused = await sluice(read);
  expect(refused).toMatchObject({ code: 1, out: '' });
  expect(refused.err).toMatch(/--user: has asked too often: 60 reads a minute are allowed .* again in \d+ s/);
});

const listed = (deviceId: string) => ({
  ...{ deviceId, name: 'Van', type: '', sim: '', group: '', lastActiveAt: null, expiresAt: null },
  free: false,
});
const here = (deviceId: string) => ({
  ...{ deviceId, at: 0, arrivedAt: null, latitude: 0, longitude: 0, speed: 0, course: 0, odometer: null },
  ...{ status: 0, statusText: '', alarm: 0, moving: null },
});
