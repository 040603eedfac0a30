/** The simulated CarData as a client meets it over sockets, by a clock that only the test moves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CarDataScenarioInput,
  type CarDataSimulator,
  startCarDataSimulator,
} from '../../../../vendors/bmw-cardata/simulator';
import {
  type CarDataAnswer,
  callCarData,
  loginCarData,
  refreshCarData,
  startDeviceLogin,
} from '../../../support/callers/cardata-caller';

/** Four hours before midnight UTC. */
const START = Date.UTC(2026, 4, 20, 20, 0);
const HOUR = 3_600_000;

let sim: CarDataSimulator;
let now: number;
let token: unknown;

async function start(options: CarDataScenarioInput = {}): Promise<void> {
  now = START;
  sim = await startCarDataSimulator(options, { clock: () => now });
  token = (await loginCarData(sim.url)).access_token;
}

afterEach(() => sim.close());

const call = (path: string, options?: Parameters<typeof callCarData>[3]) =>
  callCarData(sim.url, token, path, options);
const get = (path: string) => call(path);
const idOf = (answer: CarDataAnswer) => [answer.status, answer.body.exveErrorId];
const MAPPINGS = '/customers/vehicles/mappings';

interface Car {
  readonly vin: string;
  readonly driveTrain: string;
}
async function cars(): Promise<Car[]> {
  return (await (await fetch(`${sim.url}/_sim/cars`)).json()) as Car[];
}
const carWith = async (driveTrain: string) => {
  const car = (await cars()).find((c) => c.driveTrain === driveTrain);
  if (!car) throw new Error(`no car: ${driveTrain}`);
  return `/customers/vehicles/${car.vin}`;
};

async function container(technicalDescriptors: string[]): Promise<string> {
  const body = { name: 'test', purpose: 'test', technicalDescriptors };
  return String((await call('/customers/containers', { method: 'POST', body })).body.containerId);
}

describe('50 calls a day', () => {
  test('hold over all endpoints of an account until midnight UTC, refused calls counted', async () => {
    await start({ tokens: { lifetimeSeconds: 1_000_000 } });
    const vehicle = await carWith('COMBUSTION');
    const answers: CarDataAnswer[] = [];
    for (let i = 0; i < 53; i++) answers.push(await get(i % 2 === 0 ? MAPPINGS : `${vehicle}/basicData`));
    expect(answers.filter((a) => a.status === 200)).toHaveLength(50);
    expect(answers.slice(50).map(idOf)).toEqual(Array(3).fill([403, 'CU-429']));
    const [limit] = sim.limits.report(now);
    expect(limit).toMatchObject({ limit: 'calls-per-day', worst: 53, violations: 3 });
    now = Date.UTC(2026, 4, 20, 23, 59, 59, 999);
    expect(idOf(await get(MAPPINGS))).toEqual([403, 'CU-429']);
    now += 1;
    expect((await get(MAPPINGS)).status).toBe(200);
  });

  test('roll over 24 hours when set so, and a refused call puts the end off', async () => {
    await start({
      quota: { window: 'rolling', callsPerDay: 2, status: 429, statesWait: true },
      tokens: { lifetimeSeconds: 1_000_000 },
    });
    await get(MAPPINGS);
    now += HOUR;
    await get(MAPPINGS);
    const refused = await get(MAPPINGS);
    expect(idOf(refused)).toEqual([429, 'CU-429']);
    expect(refused.body.exveNote).toBe('Out of call volume quota. Quota will be replenished in 23:00:00.');
    // The first call is forgotten; the second and the refused one are not.
    now += 23 * HOUR;
    expect((await get(MAPPINGS)).status).toBe(429);
    now += 23 * HOUR;
    expect((await get(MAPPINGS)).status).toBe(200);
  });
});

describe('the login', () => {
  test('is pending with 403 until the link is followed, and slows down whoever polls too fast', async () => {
    await start();
    const login = await startDeviceLogin(sim.url);
    expect(login.started.body).toMatchObject({ interval: 5, expires_in: 300 });
    expect(await login.poll()).toMatchObject({ status: 403, body: { error: 'authorization_pending' } });
    now += 1000;
    expect(await login.poll()).toMatchObject({ status: 400, body: { error: 'slow_down' } });
    now += 6000;
    expect(await login.poll()).toMatchObject({ status: 400, body: { error: 'slow_down' } });
    await fetch(login.link);
    now += 15_000;
    const { status, body } = await login.poll();
    expect([status, body.token_type, body.expires_in]).toEqual([200, 'Bearer', 3600]);
    expect(String(body.id_token).split('.')).toHaveLength(3);
    now += 15_000;
    expect(await login.poll()).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  test('ends as expired, as denied, and by itself after a number of polls', async () => {
    await start({ login: { approveAfterPolls: 2 } });
    const denied = await startDeviceLogin(sim.url);
    await fetch(`${denied.link}&decision=deny`);
    expect(await denied.poll()).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    const expired = await startDeviceLogin(sim.url);
    now += 300_000;
    expect(await expired.poll()).toMatchObject({ status: 401, body: { error: 'expired_token' } });
    const login = await startDeviceLogin(sim.url);
    const statuses = [];
    for (let i = 0; i < 3; i++) {
      statuses.push((await login.poll()).status);
      now += 5000;
    }
    expect(statuses).toEqual([403, 403, 200]);
  });

  test('leaves a refresh token for one use, whose answer may be lost', async () => {
    await start();
    const first = await loginCarData(sim.url);
    sim.control({ addFaults: [{ kind: 'drop-after-processing', operation: 'token-refresh', count: 1 }] });
    await expect(refreshCarData(sim.url, first.refresh_token)).rejects.toThrow();
    expect(await refreshCarData(sim.url, first.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect(sim.stats()).toMatchObject({ 'bmw-cardata': { tokens: { reused: 1 } } });
    // The access token of before stays good for its hour.
    token = first.access_token;
    expect((await get(MAPPINGS)).status).toBe(200);
    now += HOUR;
    expect(idOf(await get(MAPPINGS))).toEqual([401, 'CU-102']);
  });

  test('gives what the scope says: without cardata:api:read nothing is read', async () => {
    await start();
    token = (await loginCarData(sim.url, 'openid cardata:streaming:read')).access_token;
    expect(idOf(await get(MAPPINGS))).toEqual([403, 'CU-103']);
  });
});

test('a request without token, version, VIN of one’s own or good id is refused with its code', async () => {
  await start({ cars: [{}, { role: 'SECONDARY' }, { owner: 'else@example.com' }] });
  const [own, secondary, foreign] = (await cars()).map((car) => `/customers/vehicles/${car.vin}`);
  expect((await fetch(`${sim.url}${MAPPINGS}`)).status).toBe(403);
  expect(idOf(await callCarData(sim.url, 'nonsense', MAPPINGS))).toEqual([401, 'CU-101']);
  expect(idOf(await call(MAPPINGS, { version: 'v9' }))).toEqual([400, 'CU-400']);
  expect(idOf(await get(`${foreign}/basicData`))).toEqual([403, 'CU-104']);
  expect(idOf(await get(`${secondary}/basicData`))).toEqual([403, 'CU-104']);
  expect(idOf(await get('/customers/vehicles/NOVIN/basicData'))).toEqual([400, 'CU-120']);
  expect(idOf(await get(`${own}/telematicData`))).toEqual([400, 'CU-120']);
  expect(idOf(await get(`${own}/telematicData?containerId=S1`))).toEqual([403, 'CU-105']);
  sim.control({ addFaults: [{ kind: 'status', code: 'CU-503', count: 1 }] });
  expect(idOf(await get(MAPPINGS))).toEqual([503, 'CU-503']);
  expect(() => sim.control({ addFaults: [{ kind: 'status', code: 'CU-999' }] })).toThrow(
    'code: "CU-999" is none of the errors of bmw-cardata',
  );
});

test('containers are at most ten, name what is answered, and may be lost', async () => {
  await start();
  const vehicle = await carWith('COMBUSTION');
  const id = await container([
    'vehicle.vehicle.travelledDistance',
    'vehicle.drivetrain.electricEngine.charging.level',
    'vehicle.chassis.axle.row1.wheel.left.tire.temperature',
    'vehicle.not.known',
  ]);
  expect((await get(`${vehicle}/telematicData?containerId=${id}`)).body).toEqual({
    telematicData: {
      'vehicle.vehicle.travelledDistance': {
        value: expect.stringMatching(/^\d+$/),
        unit: 'km',
        timestamp: expect.any(String),
      },
      'vehicle.drivetrain.electricEngine.charging.level': { value: null, unit: '%', timestamp: null },
      'vehicle.chassis.axle.row1.wheel.left.tire.temperature': {
        value: '-NA-',
        unit: 'Celsius',
        timestamp: expect.any(String),
      },
    },
  });
  for (let i = 0; i < 9; i++) await container(['vehicle.isMoving']);
  const body = { name: 'one', purpose: 'too many', technicalDescriptors: ['vehicle.isMoving'] };
  expect(idOf(await call('/customers/containers', { method: 'POST', body }))).toEqual([400, 'CU-124']);
  sim.control({ dropContainers: [id] });
  expect(idOf(await get(`${vehicle}/telematicData?containerId=${id}`))).toEqual([403, 'CU-105']);
  expect((await get('/customers/containers')).body.containers).toHaveLength(9);
});

test('charging history comes by the page, with a token for that query alone', async () => {
  await start({ chargingPageSize: 3 });
  const vehicle = await carWith('ELECTRIC');
  const span = 'from=2026-05-01T00:00:00.000Z&to=2026-05-20T00:00:00.000Z';
  const starts: unknown[] = [];
  let page = (await get(`${vehicle}/chargingHistory?${span}`)).body;
  const firstToken = page.next_token;
  for (;;) {
    starts.push(...(page.data as { startTime: number }[]).map((s) => s.startTime));
    if (page.next_token === undefined) break;
    page = (await get(`${vehicle}/chargingHistory?${span}&nextToken=${String(page.next_token)}`)).body;
  }
  expect(starts.length).toBeGreaterThan(3);
  expect(new Set(starts).size).toBe(starts.length);
  expect(starts).toEqual([...starts].sort().reverse());
  const other = await carWith('PLUGIN_HYBRID');
  expect(idOf(await get(`${other}/chargingHistory?${span}&nextToken=${String(firstToken)}`))).toEqual([
    400,
    'CU-125',
  ]);
});

test('cars drive and charge: odometers never fall, and charge goes up while a car stands plugged in', async () => {
  await start({ cars: 6 });
  const states = async () =>
    (await (await fetch(`${sim.url}/_sim/states`)).json()) as Record<
      string,
      { odometerKm: number; soc: number | null; charging: boolean; moving: boolean; reportedAt: number }
    >;
  let before = await states();
  let moved = 0;
  let charged = 0;
  for (let i = 0; i < 300; i++) {
    now += HOUR / 4;
    const after = await states();
    for (const [vin, state] of Object.entries(after)) {
      const was = before[vin];
      if (!was) throw new Error(vin);
      expect(state.odometerKm).toBeGreaterThanOrEqual(was.odometerKm);
      expect(state.reportedAt).toBeLessThanOrEqual(now);
      if (state.odometerKm > was.odometerKm) moved++;
      if (was.charging && state.charging) {
        expect(state.soc).toBeGreaterThanOrEqual(was.soc ?? 101);
        charged++;
      }
    }
    before = after;
  }
  expect(moved).toBeGreaterThan(20);
  expect(charged).toBeGreaterThan(20);
});

test('a restarted simulator knows tokens, containers and the calls of the day', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cardata-'));
  try {
    const stateFile = join(folder, 'state.jsonl');
    await start({ stateFile });
    const id = await container(['vehicle.isMoving']);
    await sim.close();
    sim = await startCarDataSimulator({ stateFile }, { clock: () => now });
    expect((await get(`/customers/containers/${id}`)).body.technicalDescriptors).toEqual([
      'vehicle.isMoving',
    ]);
    expect(sim.limits.report(now)[0]).toMatchObject({ inUse: 2 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
