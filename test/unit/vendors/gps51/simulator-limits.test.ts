/** GPS51's limits by address, account and device, judged at arrival by a clock that only the test moves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Gps51ScenarioInput,
  type Gps51Simulator,
  startGps51Simulator,
} from '../../../../vendors/gps51/simulator';
import { printLocalTime } from '../../../../vendors/gps51/simulator/fleet/local-time';
import { judgeArrivals } from '../../../../vendors/kit/judge/judge';
import {
  callGps51,
  type Gps51Session,
  loginGps51,
  md5,
  sessionOf,
} from '../../../support/callers/gps51-caller';

/** 2026-05-20 20:00 on the vendor's clock: four hours before its midnight. */
const START = Date.UTC(2026, 4, 20, 12, 0);
const HOUR = 3_600_000;
const MANY = { rules: { ipPerMinute: 100_000 } };

let sim: Gps51Simulator;
let now: number;
let session: Gps51Session;

/** Logs in from an address that the test's calls do not come from. */
async function start(options: Gps51ScenarioInput = {}): Promise<void> {
  now = START;
  sim = await startGps51Simulator(options, { clock: () => now });
  session = sessionOf(await loginGps51(sim.baseUrl, 'fleet', undefined, { ip: '198.51.100.1' }));
}

afterEach(() => sim.close());

const call = (action = 'lastposition', body: unknown = {}, ip?: string) =>
  callGps51(sim.baseUrl, action, body, session, ip);
const statuses = async (times: number, action?: string, body?: unknown, ip?: string) => {
  const seen = [];
  for (let i = 0; i < times; i++) seen.push((await call(action, body, ip)).status);
  return seen;
};
const limit = (name: string, scope?: string) =>
  sim.limits.report(now).find((l) => l.limit === name && (scope === undefined || l.scope === scope));
const zeros = (n: number) => Array.from({ length: n }, () => 0);

async function aDevice(): Promise<string> {
  const [device] = (await (await fetch(`${sim.url}/_sim/devices`)).json()) as { id: string }[];
  if (!device) throw new Error('no device');
  return device.id;
}

describe('10 a minute for an address', () => {
  test('hold in any 60 seconds, over all accounts and actions, and 8902 names the address', async () => {
    await start();
    expect(await statuses(9, 'lastposition', {}, '203.0.113.7')).toEqual(zeros(9));
    now += 30_000;
    await loginGps51(sim.baseUrl, 'driver', undefined, { ip: '203.0.113.7' });
    expect(await call('lastposition', {}, '203.0.113.7')).toEqual({
      status: 8902,
      cause: 'ip limit:203.0.113.7',
    });
    expect((await call('lastposition', {}, '203.0.113.8')).status).toBe(0);
    now += 30_000;
    expect(await statuses(10, 'lastposition', {}, '203.0.113.7')).toEqual([...zeros(9), 8902]);
    expect(limit('ip-per-minute', '203.0.113.7')).toMatchObject({ allowed: 10, worst: 12, violations: 2 });
  });

  test('an address is the connection’s own unless a header names it', async () => {
    await start({ ipHeader: '' });
    expect(await statuses(10, 'lastposition', {}, '203.0.113.7')).toEqual([...zeros(9), 8902]);
    expect(limit('ip-per-minute')?.scope).toBe('127.0.0.1');
  });

  test('calls with a token that is not good count too', async () => {
    await start();
    for (let i = 0; i < 10; i++)
      await callGps51(sim.baseUrl, 'lastposition', {}, { token: 'x', serverid: '1' });
    expect((await call()).status).toBe(8902);
  });
});

describe('5 a second and 200 ms apart', () => {
  test('are judged only, unless enforced', async () => {
    await start(MANY);
    expect(await statuses(7)).toEqual(zeros(7));
    expect(limit('per-second', '127.0.0.1')).toMatchObject({ allowed: 5, worst: 7, violations: 2 });
    expect(limit('spacing', '127.0.0.1')).toMatchObject({ allowed: 1, worst: 7, violations: 6 });
    await sim.close();
    await start({ rules: { ...MANY.rules, fast: 'enforced' } });
    expect(await statuses(2)).toEqual([0, 8902]);
    now += 200;
    expect(await statuses(1)).toEqual([0]);
  });
});

describe('1440 and 5 for each valid device a day for an account', () => {
  test('count its own devices, whatever the address', async () => {
    await start({
      rules: { ...MANY.rules, accountBase: 2, accountPerDevice: 1 },
      fleet: { devices: 6, groups: 3, expiredShare: 0 },
    });
    // Two of the end user's own and two for its devices; eight of the fleet's, one of which the login was.
    const driver = sessionOf(await loginGps51(sim.baseUrl, 'driver'));
    expect(await statuses(7)).toEqual(zeros(7));
    expect(await call('lastposition', {}, '203.0.113.9')).toEqual({
      status: 8905,
      cause: 'account limit:fleet',
    });
    const asDriver = async () => (await callGps51(sim.baseUrl, 'lastposition', {}, driver)).status;
    expect([await asDriver(), await asDriver(), await asDriver(), await asDriver()]).toEqual([0, 0, 0, 8905]);
    expect(limit('account-per-day', 'fleet')?.allowed).toBe(8);
  });

  test('devices whose subscription has ended are not valid', async () => {
    await start({ ...MANY, fleet: { devices: 10, expiredShare: 1 } });
    expect(limit('account-per-day', 'fleet')?.allowed).toBe(1440);
  });

  test('end with the day of the vendor’s clock', async () => {
    await start({ rules: { ...MANY.rules, accountBase: 2, accountPerDevice: 0 } });
    expect(await statuses(2)).toEqual([0, 8905]);
    now += 4 * HOUR - 1;
    expect(await statuses(1)).toEqual([8905]);
    now += 1;
    expect(await statuses(1)).toEqual([0]);
  });

  test('an end user’s calls may be charged to the account above', async () => {
    await start({
      rules: { ...MANY.rules, accountBase: 2, accountPerDevice: 0 },
      accounts: [
        { username: 'fleet', password: 'fleet-secret' },
        { username: 'driver', password: 'driver-secret', chargedTo: 'fleet' },
      ],
    });
    expect((await loginGps51(sim.baseUrl, 'driver')).status).toBe(0);
    expect(await statuses(1)).toEqual([8905]);
  });
});

describe('5 a day for a device on the trajectory actions', () => {
  const ask = async () => ({
    deviceid: await aDevice(),
    begintime: printLocalTime(START - HOUR),
    endtime: printLocalTime(START),
  });

  test('each of the two actions has its own count, and both together are judged besides', async () => {
    await start(MANY);
    const body = await ask();
    expect(await statuses(6, 'querytrips', body)).toEqual([...zeros(5), 8905]);
    expect(await statuses(6, 'querytracks', body)).toEqual([...zeros(5), 8905]);
    const shared = sim.limits.report(now).find((l) => l.limit === 'device-trajectory-per-day');
    expect(shared).toMatchObject({ allowed: 5, worst: 12 });
    expect(await call('querytrips', body)).toEqual({ status: 8905, cause: `device limit:${body.deviceid}` });
  });

  test('or both share one', async () => {
    await start({ rules: { ...MANY.rules, trajectoryShared: true, trajectoryCode: 8906 } });
    const body = await ask();
    expect(await statuses(3, 'querytrips', body)).toEqual(zeros(3));
    expect(await statuses(3, 'querytracks', body)).toEqual([0, 0, 8906]);
  });

  test('a day can be made to end soon, also for devices that have not been requested yet', async () => {
    await start({ ...MANY, days: { endsInMs: 60_000 }, rules: { ...MANY.rules, trajectoryPerDay: 1 } });
    const body = await ask();
    expect(await statuses(2, 'querytrips', body)).toEqual([0, 8905]);
    now += 60_000;
    expect(await statuses(2, 'querytrips', body)).toEqual([0, 8905]);
    sim.control({ nextReset: { limit: 'device-action-per-day', inMs: 1000 } });
    now += 1000;
    expect(await statuses(1, 'querytrips', body)).toEqual([0]);
  });

  test('a day can be a minute', async () => {
    await start({ ...MANY, days: { per: 'minute' }, rules: { ...MANY.rules, trajectoryPerDay: 1 } });
    const body = await ask();
    expect(await statuses(2, 'querytrips', body)).toEqual([0, 8905]);
    now += 60_000;
    expect(await statuses(1, 'querytrips', body)).toEqual([0]);
  });
});

test('5 edits of the whitelist a day, and 8904 from an address that is not on it', async () => {
  await start(MANY);
  const edit = { ips: ['127.0.0.1'] };
  expect(await statuses(6, 'editwhitelist', edit)).toEqual([...zeros(5), 8905]);
  expect(await statuses(1)).toEqual([0]);
  expect(await call('lastposition', {}, '203.0.113.7')).toMatchObject({ status: 8904 });
});

describe('codes on order', () => {
  test('9903 that comes back after fresh logins, so many times', async () => {
    await start(MANY);
    sim.control({ addErrors: [{ code: 9903, action: 'lastposition', count: 3 }] });
    for (const expected of [9903, 9903, 9903, 0]) {
      session = sessionOf(await loginGps51(sim.baseUrl));
      expect((await call()).status).toBe(expected);
    }
  });

  test('a suspended account gets 8903, and may call again when restored', async () => {
    await start(MANY);
    sim.control({ suspend: ['fleet'] });
    expect(await call()).toMatchObject({ status: 8903 });
    expect(await loginGps51(sim.baseUrl)).toMatchObject({ status: 8903 });
    sim.control({ restore: ['fleet'] });
    expect((await call()).status).toBe(0);
  });

  test('any code, for some calls of one action of one account', async () => {
    await start(MANY);
    for (const code of [-1, 8901, 8902, 8903, 8904, 8905, 8906, 9904, 9906]) {
      sim.control({ addErrors: [{ code, action: 'querymonitorlist', account: 'fleet', skip: 1, count: 1 }] });
      expect(await statuses(3, 'querymonitorlist')).toEqual([0, code, 0]);
    }
  });

  test('an injected quota is 8902 and counted as refused; a 5xx is HTTP', async () => {
    await start(MANY);
    sim.control({ quota: { operation: 'lastposition', count: 1 } });
    expect(await call()).toEqual({ status: 8902, cause: 'ip limit:127.0.0.1' });
    sim.control({ addFaults: [{ kind: 'status', status: 503, count: 1 }] });
    await expect(call()).rejects.toThrow('HTTP 503');
  });
});

test('the log of calls is enough to judge every limit again', async () => {
  await start();
  for (let i = 0; i < 30; i++, now += 1500) await call();
  const arrivals = sim.log.list({ operation: 'lastposition' });
  const verdict = judgeArrivals(
    { kind: 'rolling', count: 10, ms: 60_000 },
    arrivals.map((a) => a.t),
  );
  const reported = limit('ip-per-minute', '127.0.0.1');
  expect(reported).toMatchObject({ worst: verdict.worst, worstAt: verdict.worstAt });
  expect(arrivals.filter((a) => a.refusedBy === 'ip-per-minute')).toHaveLength(reported?.violations ?? 0);
  expect(arrivals.find((a) => a.refusedBy)?.requestDetail).toMatchObject({ code: 8902 });
});

test('a restarted simulator knows tokens, commands, and what was counted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gps51-test-'));
  try {
    const options = { stateFile: join(folder, 'state.jsonl'), commands: { confirmMs: { min: 0, max: 0 } } };
    await start(options);
    const deviceid = await aDevice();
    await call('sendcmd', { deviceid, cmdcode: 'LOCATE' });
    await statuses(8);
    await sim.close();
    const old = session;
    await start(options);
    session = old;
    expect(await statuses(2)).toEqual([0, 8902]);
    const { counts } = (await (await fetch(`${sim.url}/_sim/commands`)).json()) as { counts: unknown };
    expect(counts).toEqual([{ deviceId: deviceid, code: 'LOCATE', params: [], count: 1 }]);
    expect(JSON.stringify(sim.log.list({}))).not.toContain(md5('fleet-secret'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
