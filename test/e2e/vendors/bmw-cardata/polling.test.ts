/** A day of polling, shortened to seconds: it keeps to its plan, and what goes wrong costs it no call. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Backend } from '../../../../client/operations/backend/backend';
import { showLogin, startLogin } from '../../../../client/operations/logins/logins';
import { planPollingDay } from '../../../../client/operations/polling/plan';
import {
  listPolling,
  pausePolling,
  resumePolling,
  startPolling,
} from '../../../../client/operations/polling/runs';
import { pausePool, resumePool } from '../../../../client/operations/pools/pools';
import { stateDir } from '../../../../embedded/state-dir';
import { type CarDataSimulator, startCarDataSimulator } from '../../../../vendors/bmw-cardata/simulator';
import type { Arrival } from '../../../../vendors/kit/judge/arrivals';
import { type Cli, cliFor } from '../../../support/cli';
import { eventually } from '../../../support/eventually';
import { temporaryFolder } from '../../../support/run/run-folder';
import { type CoreStack, startCore, type WorkerProcess } from '../../../support/stacks/core-stack';
import { uniqueName } from '../../../support/stacks/embedded';

const ACCOUNT = uniqueName('cars');

const [CALLS, RESERVE, QUIET_MS] = [15, 3, 1_000];
const DAY = { dayMs: 600_000, callsPerDay: CALLS, window: 'rolling' } as const;

let stack: CoreStack & { readonly vendor: CarDataSimulator };
let backend: Backend;
let sluice: Cli;
let worker: WorkerProcess;

beforeAll(async () => {
  stack = await startCore({
    name: 'cardata-polling',
    env: {},
    startVendor: () =>
      startCarDataSimulator({
        login: { intervalSeconds: 0.2, approveAfterPolls: 0 },
        cars: 3,
        quota: DAY,
        chargingPageSize: 2,
        faults: [{ kind: 'status', operation: 'basic-data', status: 500 }],
      }),
    settings: ({ url }) => ({
      accounts: {
        [ACCOUNT]: {
          ...{ vendor: 'bmw-cardata', baseUrl: url, loginUrl: url, clientId: 'client-of-the-test' },
          ...{ quotaWindow: 'rolling', interactiveCalls: 10, polling: { night: { factor: 1 } } },
          // Whoever wants the list as it is now gets it; the day is not spent on that.
          staleness: { vehicles: 0 },
          limits: { 'calls-per-day': { ms: DAY.dayMs, count: CALLS } },
        },
      },
    }),
  });
  const { settings, db, client } = stack;
  backend = {
    settings,
    dir: stateDir(temporaryFolder('polling'), {}),
    caller: 'test',
    database: (work) => work(db),
    temporal: (work) => work(client),
  };
  sluice = cliFor(stack);
  worker = await stack.startWorkerProcess();
  const { login } = await startLogin(backend, { account: ACCOUNT });
  const ended = await eventually('the login ends', async () => {
    const seen = await showLogin(backend, { login: login.id });
    return seen.endedAt === null ? null : seen;
  });
  expect(ended).toMatchObject({ state: 'done' });
});
afterAll(() => stack?.close());

const arrivals = () => {
  const logins = ['device-code', 'device-token', 'token-refresh'];
  return stack.vendor.log.list({}).filter(({ operation }) => !logins.includes(operation));
};
const vinOf = (call: Arrival) => String(call.requestDetail.vin ?? '');
const arrived = (count: number) => eventually(`${count} calls`, () => arrivals().length >= count);
const phase = async () => (await listPolling(backend, {}))[0]?.status?.phase;
const isQuiet = async () => {
  const before = arrivals().length;
  await delay(QUIET_MS);
  return arrivals().length === before;
};

test('a day goes by its plan, over a pause, a closed pool, a failing endpoint and a killed worker', async () => {
  const plan = await planPollingDay(backend, { vehicles: 3 });
  const planned = plan.windows[0]?.planned ?? 0;
  expect(plan).toMatchObject({ capacity: CALLS, used: 0, reserve: RESERVE });
  expect(planned).toBe(CALLS - RESERVE);
  expect(arrivals()).toEqual([]);

  await startPolling(backend, {});
  await arrived(3);
  await pausePolling(backend, { reason: 'a test' });
  await eventually('it is paused', async () => (await phase()) === 'paused');
  const [quiet, status] = await Promise.all([isQuiet(), sluice(['status', '--json'])]);
  expect(quiet).toBe(true);
  expect(JSON.parse(status.out).polling).toMatchObject([{ account: ACCOUNT, status: { phase: 'paused' } }]);
  await resumePolling(backend, {});

  await arrived(5);
  await pausePool(backend, { pool: `bmw-cardata/${ACCOUNT}`, reason: 'a test', until: '1h' });
  await eventually('it waits', async () => (await phase()) === 'waiting for quota');
  expect(await isQuiet()).toBe(true);
  await resumePool(backend, { pool: `bmw-cardata/${ACCOUNT}` });

  await arrived(7);
  const { rows: stored } = await stack.db.query<{ read: string; vin: string }>(
    'select read, vehicle_id as vin from reads where answered_at is not null',
  );
  await worker.kill();
  const killedAt = Date.now();
  worker = await stack.startWorkerProcess();

  await arrived(planned);
  expect(await isQuiet()).toBe(true);
  const all = arrivals();
  expect(Math.abs(all.length - planned)).toBeLessThanOrEqual(0.1 * planned);
  expect(all.filter(({ status }) => status === 403 || status === 429)).toEqual([]);
  const again = all.filter(
    (call) =>
      call.t > killedAt && stored.some(({ read, vin }) => read === call.operation && vin === vinOf(call)),
  );
  expect(again).toEqual([]);
  const made = all.map((call) =>
    `${call.operation} ${vinOf(call)} ${call.requestDetail.offset ?? ''}`.trim(),
  );
  // What was on its way when the worker was killed may be asked again, and nothing else.
  expect(made.length - new Set(made).size).toBeLessThanOrEqual(1);
  // What an answer in pages has cost is known to the next plan.
  const { rows: paged } = await stack.db.query<{ vin: string; pages: number }>(
    "select vehicle_id as vin, pages from reads where read = 'charging-history' and answered_at is not null",
  );
  expect(paged.length).toBeGreaterThan(0);
  for (const { vin, pages } of paged) {
    expect(new Set(made.filter((call) => call.startsWith(`charging-history ${vin}`))).size).toBe(pages);
  }

  // The calls that are kept for people are there.
  const { rows: cars } = await stack.db.query<{ vin: string }>('select vehicle_id as vin from vehicles');
  expect(cars.length).toBe(RESERVE);
  const answers = await Promise.all(
    cars.map(({ vin }) =>
      sluice(['vehicle', 'read', vin, 'telematics', '--account', ACCOUNT, '--max-age', '0', '--json']),
    ),
  );
  for (const { vin } of cars) expect(made).toContain(`telematics ${vin}`);
  for (const { out } of answers) expect(JSON.parse(out)).toMatchObject({ stale: null, servedFrom: 'call' });
  expect(arrivals().length).toBe(all.length + RESERVE);
});
