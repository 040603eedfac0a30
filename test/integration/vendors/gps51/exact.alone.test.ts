/**
 * Exactness of GPS51's limits where it counts: at the vendor. Four processes with all of the vendor's functions call a
 * simulated GPS51 that refuses whatever comes too early, and that judges every arrival by its own clock.
 */
import type { Pool } from 'pg';
import { stringify } from 'yaml';
import { createPool } from '../../../../store/db';
import { generateKey } from '../../../../store/secrets/keyring';
import type { Gps51ScenarioInput } from '../../../../vendors/gps51/simulator';
import type { Arrival } from '../../../../vendors/kit/judge/arrivals';
import { Child } from '../../../support/processes/child';
import type {
  CallerProcessOptions,
  FunctionLoad,
  FunctionReport,
} from '../../../support/processes/gps51-caller-process';
import { type Gps51Process, startGps51Process } from '../../../support/processes/gps51-process';
import { longOr } from '../../../support/run/long';
import { Processors } from '../../../support/run/processors';
import { type TestDatabase, testDatabase, uniqueName } from '../../../support/stacks/embedded';

const PROCESSES = 4;
const DEVICES = 40;
const ENV = {
  SLUICE_VAULT_KEY: generateKey(),
  TEST_FLEET_PASSWORD: 'fleet-secret',
  TEST_USER_PASSWORD: 'driver-secret',
};

let database: TestDatabase;
let db: Pool;
let vendor: Gps51Process;
let children: Child[] = [];

beforeAll(async () => {
  database = await testDatabase();
  db = createPool(database.url, { max: 1 });
});

afterEach(async () => {
  await Promise.all(children.map((c) => c.end()));
  children = [];
  await vendor.end();
});

afterAll(async () => {
  await db.end();
  await database.drop();
});

/** Days of a minute, so that the limits a day are met and begin anew within the test. */
const DAY = { per: 'minute' } as const;
const SCENARIO: Gps51ScenarioInput = {
  fleet: { devices: DEVICES, offlineShare: 0, expiredShare: 0 },
  rules: { fast: 'enforced', trajectoryShared: true },
  days: DAY,
  commands: { confirmMs: { min: 0, max: 0 }, slowShare: 0 },
};

interface Run {
  /** When each stage began, on the vendor's clock, and when the last one ended. */
  readonly stages: readonly number[];
  readonly calls: readonly Arrival[];
  readonly reports: readonly FunctionReport[];
}

/** @param ipLimit of 10 a minute, as both sides are to have it. */
async function run(
  ipLimit: { readonly count: number; readonly ms: number },
  stages: readonly { readonly load: FunctionLoad; readonly forMs: number }[],
): Promise<Run> {
  const account = uniqueName('fleet');
  vendor = await startGps51Process({ ...SCENARIO, limits: { 'ip-per-minute': ipLimit } });
  const settingsYaml = stringify({
    accounts: {
      [account]: {
        vendor: 'gps51',
        baseUrl: vendor.baseUrl,
        username: 'fleet',
        password: 'env:TEST_FLEET_PASSWORD',
        egressIp: account,
        limits: {
          'ip-per-minute': ipLimit,
          'account-per-day': DAY,
          'user-per-day': DAY,
          'device-trajectory-per-day': DAY,
        },
      },
    },
  });
  const devices = (await vendor.page<{ id: string }[]>('devices')).map((d) => d.id);
  children = Array.from({ length: PROCESSES }, (_, i) => {
    const options: CallerProcessOptions = {
      databaseUrl: database.url,
      settingsYaml,
      env: ENV,
      account,
      devices,
      offset: i * (DEVICES / PROCESSES),
    };
    return new Child('gps51-caller-process.ts', options);
  });
  await Promise.all(children.map((c) => c.hear<'ready'>()));
  await vendor.control({ resetLog: true });
  const vendorNow = async () => (await vendor.page<{ now: number }>('health')).now;
  const began: number[] = [];
  for (const { load, forMs } of stages) {
    began.push(await vendorNow());
    for (const child of children) child.say(JSON.stringify(load));
    // Each stage begins with tokens that have run out: one process logs in, the others wait for it.
    await vendor.control({ expireTokens: true });
    await new Promise((done) => setTimeout(done, forMs));
  }
  began.push(await vendorNow());
  for (const child of children) child.say('stop');
  const reports = await Promise.all(children.map((c) => c.hear<FunctionReport>()));
  return { stages: began, calls: await vendor.calls(), reports };
}

/** No limit was exceeded, no call refused, and nothing else went wrong either. */
async function expectKept({ calls, reports }: Run): Promise<void> {
  const seen = await vendor.limits();
  expect(seen.filter((l) => l.violations > 0 || l.worst > l.allowed)).toEqual([]);
  expect(new Set(seen.map((l) => l.limit))).toEqual(
    new Set([
      'spacing',
      'per-second',
      'ip-per-minute',
      'account-per-day',
      'device-action-per-day',
      'device-trajectory-per-day',
    ]),
  );
  expect(reports.flatMap((r) => r.problems)).toEqual([]);
  const refused = calls.filter((c) => ![0, 6, 9903].includes(codeOf(c)));
  expect(refused).toEqual([]);
  // Every permit that was used is an arrival, and nothing else is but the logins.
  const sent = reports.reduce((sum, r) => sum + r.calls, 0);
  const logins = calls.filter((c) => c.operation === 'login' && c.account === 'fleet');
  expect(calls.length).toBe(sent + logins.length);
}

function codeOf({ requestDetail }: Arrival): number {
  return Number(requestDetail.code ?? requestDetail.result ?? Number.NaN);
}

const between = (calls: readonly Arrival[], from = 0, to = 0) =>
  calls.filter((c) => c.t >= from && c.t < to).map((c) => c.t);

/** `units` calls in each `ms` would be 1. From a call to the one that many windows later, so that no edge counts. */
function share(times: readonly number[], units: number, ms: number): number {
  const windows = Math.floor((times.length - 1) / units);
  const took = (times[windows * units] ?? 0) - (times[0] ?? 0);
  return windows < 1 ? 0 : (windows * ms) / took;
}

/** The share of the best `calls` in a row: of calls 200 ms apart, every hiccup of a busy machine is lost for good. */
function bestShare(times: readonly number[], calls: number, units: number, ms: number): number {
  const starts = times.slice(0, Math.max(1, times.length - calls));
  return Math.max(...starts.map((_, i) => share(times.slice(i, i + calls + 1), units, ms)));
}

interface Attempt {
  /** Of what each limit allows. */
  readonly shares: readonly number[];
  /** What must be used at least. */
  readonly least: number;
}

/** A machine that is slow to answer loses a part of the rate: of calls 200 ms apart, each ms is half a percent. */
const MANY_SLOW = 0.1;

function leastUse(processors: Processors, reports: readonly FunctionReport[]): number {
  const calls = reports.reduce((sum, r) => sum + r.calls, 0);
  const slow = reports.reduce((sum, r) => sum + r.slow, 0);
  return slow > calls * MANY_SLOW ? Math.min(processors.leastUse(), 0.85) : processors.leastUse();
}

/** A stalled machine cannot use all of a limit, but it may never use more: one run of five must be undisturbed. */
async function expectOneThatUses(attempt: (processors: Processors) => Promise<Attempt>): Promise<void> {
  const seen: Attempt[] = [];
  const isEnough = ({ shares, least }: Attempt) => Math.min(...shares) >= least;
  for (let i = 0; i < 5 && !seen.some(isEnough); i++) {
    if (i > 0) {
      await Promise.all(children.splice(0).map((c) => c.end()));
      await vendor.end();
    }
    seen.push(await attempt(new Processors()));
    if (process.env.SLUICE_EXACT_VERBOSE) console.log(JSON.stringify(seen.at(-1)));
  }
  expect(seen.some(isEnough) ? [] : seen).toEqual([]);
}

test('5 a second, 200 ms apart: never one too many, at least 95 % used, and commands wait under a second', async () => {
  await expectOneThatUses(async (processors) => {
    const load = { history: 0, trips: 6000, positions: 6000, userAuth: 8000, command: longOr(4000, 2500) };
    const done = await run({ count: 1000, ms: 60_000 }, [{ load, forMs: longOr(25_000, 10_000) }]);
    await expectKept(done);
    const [from = 0, to = 0] = done.stages;
    const operations = new Set(done.calls.map((c) => c.operation));
    expect(operations).toEqual(
      new Set(['login', 'querymonitorlist', 'lastposition', 'querytrips', 'querytracks', 'sendcmd']),
    );
    // The first of each process waits for the login, too.
    const waits = done.reports.flatMap((r) => r.waitedMs.command?.slice(1) ?? []).sort((a, b) => a - b);
    expect(waits.length).toBeGreaterThan(8);
    const p95 = waits[Math.floor(waits.length * 0.95)] ?? Number.POSITIVE_INFINITY;
    const shares = [bestShare(between(done.calls, from + 1000, to), 30, 5, 1000), p95 < 1000 ? 1 : 0];
    return { shares, least: leastUse(processors, done.reports) };
  });
}, 300_000);

test('10 a window for the address: each function uses what it may, and all together use everything', async () => {
  const window = { count: 10, ms: longOr(3000, 2000) };
  const forMs = longOr(4, 3) * window.ms;
  await expectOneThatUses(async (processors) => {
    const done = await run(window, [
      // History leaves 2 of 10, trips leave 1, and the others take what is there.
      { load: { history: 0 }, forMs },
      { load: { history: 0, trips: 0 }, forMs },
      { load: { history: 0, trips: 0, positions: 0, userAuth: 4000, command: 2500 }, forMs },
    ]);
    await expectKept(done);
    const shares = [8, 9, 10].map((units, i) => {
      const from = (done.stages[i] ?? 0) + window.ms;
      return share(between(done.calls, from, done.stages[i + 1]), units, window.ms);
    });
    return { shares, least: leastUse(processors, done.reports) };
  });
}, 300_000);
