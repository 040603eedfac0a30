/** The actions of GPS51's open API as a client meets them that knows nothing of Sluice. */
import {
  type Gps51ScenarioInput,
  type Gps51Simulator,
  startGps51Simulator,
} from '../../../../vendors/gps51/simulator';
import { parseLocalTime, printLocalTime } from '../../../../vendors/gps51/simulator/fleet/local-time';
import {
  callGps51,
  type Gps51Session,
  loginGps51,
  md5,
  sessionOf,
} from '../../../support/callers/gps51-caller';

/** 2026-05-20 20:00 on the vendor's clock. */
const START = Date.UTC(2026, 4, 20, 12, 0);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let sim: Gps51Simulator;
let now: number;
let session: Gps51Session;

async function start(options: Gps51ScenarioInput = {}): Promise<void> {
  now = START;
  sim = await startGps51Simulator({ rules: { ipPerMinute: 1000 }, ...options }, { clock: () => now });
  session = sessionOf(await loginGps51(sim.baseUrl));
}

afterEach(() => sim.close());

const call = (action: string, body: unknown = {}, as: Gps51Session = session) =>
  callGps51(sim.baseUrl, action, body, as);
const page = async <T>(path: string): Promise<T> =>
  (await (await fetch(`${sim.url}/_sim/${path}`)).json()) as T;

interface Device {
  readonly id: string;
  readonly behaviour: string;
  readonly group: string;
  readonly expired: boolean;
  readonly transitMs: number;
}
const devices = (behaviour?: string) =>
  page<Device[]>('devices').then((all) => all.filter((d) => !behaviour || d.behaviour === behaviour));
async function deviceThat(behaviour: string): Promise<string> {
  const [device] = await devices(behaviour);
  if (!device) throw new Error(`no device is ${behaviour}`);
  return device.id;
}

/** A body of `querytracks` or `querytrips`, with its times on the vendor's clock. */
const span = (deviceid: string, from: number, to: number) => ({
  deviceid,
  begintime: printLocalTime(from),
  endtime: printLocalTime(to),
});

describe('login', () => {
  test('gives a new token each time, and every one of them is good', async () => {
    await start();
    const again = await loginGps51(sim.baseUrl);
    expect(again).toMatchObject({ status: 0, cause: 'OK', username: 'fleet' });
    expect(again.token).not.toBe(session.token);
    for (const as of [session, sessionOf(again)]) {
      expect(await call('querymonitorlist', { username: 'fleet' }, as)).toMatchObject({ status: 0 });
    }
    expect(await page('tokens')).toEqual({ issued: { fleet: 2 }, refused: 0 });
  });

  test('wants the MD5 of the password', async () => {
    await start();
    expect(await loginGps51(sim.baseUrl, 'fleet', 'wrong')).toMatchObject({ status: 1 });
    const plain = { type: 'USER', username: 'fleet', password: 'fleet-secret' };
    expect(await call('login', plain)).toMatchObject({ status: 1 });
    expect(await call('login', { username: 'fleet' })).toMatchObject({ status: 9904 });
  });

  test('of a device sees that device only', async () => {
    await start();
    const id = await deviceThat('driving');
    const device = await loginGps51(sim.baseUrl, id, '123456', { type: 'DEVICE' });
    const list = await call('querymonitorlist', {}, sessionOf(device));
    expect(list.groups).toHaveLength(1);
    expect(list.groups[0]?.devices).toMatchObject([{ deviceid: id }]);
  });

  test('tokens run out, are forgotten, and belong to the server that gave them', async () => {
    await start({ tokens: { lifetimeSeconds: 60 } });
    now += 59_999;
    expect((await call('lastposition')).status).toBe(0);
    now += 1;
    expect(await call('lastposition')).toEqual({ status: 9903, cause: 'global_error_token_expire' });
    session = sessionOf(await loginGps51(sim.baseUrl));
    expect(await call('lastposition', {}, { ...session, serverid: '99' })).toMatchObject({ status: 9906 });
    expect(await call('lastposition', {}, { ...session, token: 'x' })).toEqual({
      status: 9906,
      cause: 'please login',
    });
    sim.control({ expireTokens: ['fleet'] });
    expect(await call('lastposition')).toMatchObject({ status: 9903 });
    sim.control({ forgetTokens: true });
    expect(await call('lastposition')).toMatchObject({ status: 9906 });
  });

  test('nothing secret is in the log of calls', async () => {
    await start({ commands: { password: 'cmd-secret' } });
    await call('sendcmd', { deviceid: await deviceThat('parked'), cmdcode: 'LOCATE', cmdpwd: 'cmd-secret' });
    const log = JSON.stringify(await page('calls'));
    for (const secret of [md5('fleet-secret'), 'fleet-secret', 'cmd-secret', session.token]) {
      expect(log).not.toContain(secret);
    }
  });
});

describe('querymonitorlist', () => {
  test('lists the devices by group', async () => {
    await start({ fleet: { devices: 30, groups: 4 } });
    const { groups } = await call('querymonitorlist', { username: 'fleet' });
    expect(groups).toHaveLength(4);
    const listed = groups.flatMap((g) => g.devices);
    expect(listed).toHaveLength(30);
    expect(listed[0]).toEqual({
      deviceid: expect.stringMatching(/^\d{15}$/),
      devicename: 'Vehicle 1',
      devicetype: expect.any(String),
      simnum: expect.any(String),
      lastactivetime: expect.any(Number),
      overduetime: expect.any(Number),
      isfree: expect.any(Number),
    });
  });

  test('an end user sees a part of the fleet, and not the list of others', async () => {
    await start();
    const driver = sessionOf(await loginGps51(sim.baseUrl, 'driver'));
    const list = await call('querymonitorlist', { username: 'driver' }, driver);
    expect(list.groups.map((g) => g.groupname)).toEqual(['group-1']);
    expect(await call('querymonitorlist', { username: 'fleet' }, driver)).toMatchObject({ status: 8906 });
    const other = (await devices()).find((d) => d.group !== 'group-1');
    const trips = await call('querytrips', span(other?.id ?? '', START - DAY, START), driver);
    expect(trips).toMatchObject({ status: -1 });
  });
});

describe('lastposition', () => {
  const all = { deviceids: [], lastquerypositiontime: 0 };

  test('returns the whole fleet in one call, and with its cursor only what has changed', async () => {
    await start({ fleet: { devices: 60 } });
    const first = await call('lastposition', all);
    const heardOf = (await devices()).filter((d) => d.behaviour !== 'unheard');
    expect(first.records).toHaveLength(heardOf.length);
    const next = { ...all, lastquerypositiontime: first.lastquerypositiontime };
    expect((await call('lastposition', next)).records).toEqual([]);
    now += 60_000;
    const second = await call('lastposition', next);
    expect(second.records.length).toBeGreaterThan(0);
    expect(second.records.length).toBeLessThan(first.records.length);
    for (const record of second.records) expect(record.arrivedtime).toBeGreaterThan(START);
  });

  test('a chain of cursors misses no position that was the newest at a poll', async () => {
    await start({ fleet: { cycleMinutes: 10, lateShare: 0.3, lateMinutes: 5 } });
    const seen = new Map<string, number>();
    for (let cursor = 0, i = 0; i < 40; i++, now += 37_000) {
      const answer = await call('lastposition', { ...all, lastquerypositiontime: cursor });
      for (const { deviceid, updatetime } of answer.records) {
        expect(updatetime).toBeGreaterThan(seen.get(deviceid) ?? 0);
        seen.set(deviceid, updatetime);
      }
      cursor = answer.lastquerypositiontime;
      const truth = await page<{ deviceid: string; updatetime: number }[]>('positions');
      expect(Object.fromEntries(seen)).toEqual(
        Object.fromEntries(truth.map((p) => [p.deviceid, p.updatetime])),
      );
    }
  });

  test('status is a bit mask with values that resemble codes', async () => {
    await start({ fleet: { devices: 300, codeLikeStatusShare: 0.2 } });
    const { status, records } = await call('lastposition', all);
    expect(status).toBe(0);
    const masks = records.map((r) => r.status);
    expect(masks).toEqual(expect.arrayContaining([8902, 9903]));
  });
});

describe('trips', () => {
  test('agree with the track: start, end, distance and highest speed', async () => {
    await start({ fleet: { lateShare: 0, movingReportSeconds: 1 } });
    const id = await deviceThat('driving');
    const { totaltrips, totaldistance } = await call(
      'querytrips',
      span(id, START - 6 * HOUR, START - 2 * HOUR),
    );
    expect(totaltrips.length).toBeGreaterThan(2);
    expect(totaltrips.reduce((sum, t) => sum + t.tripdistance, 0)).toBe(totaldistance);
    for (const trip of totaltrips) {
      const { records } = await call('querytracks', span(id, trip.starttime, trip.endtime));
      const [first, last] = [records[0], records.at(-1)];
      if (!first || !last) throw new Error('the trip has no track');
      expect([first.updatetime, last.updatetime]).toEqual([trip.starttime, trip.endtime]);
      expect([first.callat, first.callon, last.callat, last.callon]).toEqual([
        trip.slat,
        trip.slon,
        trip.elat,
        trip.elon,
      ]);
      expect(last.totaldistance - first.totaldistance).toBe(trip.tripdistance);
      expect(trip.triptime).toBe(trip.endtime - trip.starttime);
      const fastest = Math.max(...records.map((r) => r.speed));
      expect(Math.abs(fastest * 1000 - trip.maxspeed)).toBeLessThan(1500);
    }
  });

  test('are never cut to the requested span', async () => {
    await start({ fleet: { lateShare: 0 } });
    const id = await deviceThat('driving');
    const whole = (await call('querytrips', span(id, START - 6 * HOUR, START - 2 * HOUR))).totaltrips[1];
    if (!whole) throw new Error('the device makes no trip');
    const middle = Math.round((whole.starttime + whole.endtime) / 2000) * 1000;
    const { totaltrips } = await call('querytrips', span(id, middle, middle + 1000));
    expect(totaltrips).toEqual([whole]);
  });

  test('under way have an end that is moved on, and are returned again when over', async () => {
    await start({ fleet: { lateShare: 0 } });
    const id = await deviceThat('driving');
    const [trip] = await page<{ starttime: number; endtime: number; tripdistance: number }[]>(
      `trips?device=${id}&from=${START + HOUR}&to=${START + 4 * HOUR}`,
    );
    if (!trip) throw new Error('the device makes no trip');
    const reported = async (at: number) => {
      now = at;
      const asked = span(id, trip.starttime - 60_000, trip.endtime + 60_000);
      return (await call('querytrips', asked)).totaltrips.find((t) => t.starttime === trip.starttime);
    };
    expect(await reported(trip.starttime - 1000)).toBeUndefined();
    const half = await reported((trip.starttime + trip.endtime) / 2);
    expect(half?.endtime).toBeLessThan(trip.endtime);
    expect(half?.tripdistance).toBeLessThan(trip.tripdistance);
    const over = await reported(trip.endtime + 5000);
    expect(over).toMatchObject({ endtime: trip.endtime, tripdistance: trip.tripdistance });
  });

  test('that were driven out of coverage come an hour later, with their track', async () => {
    await start({ fleet: { lateShare: 1 } });
    const id = await deviceThat('driving');
    const [trip] = await page<{ starttime: number; endtime: number; visibleAt: number }[]>(
      `trips?device=${id}&from=${START + HOUR}&to=${START + 4 * HOUR}`,
    );
    if (!trip) throw new Error('the device makes no trip');
    const asked = span(id, trip.starttime, trip.endtime - 1000);
    now = trip.visibleAt - 1;
    expect((await call('querytrips', asked)).totaltrips).toEqual([]);
    expect((await call('querytracks', asked)).records).toEqual([]);
    now = trip.visibleAt;
    expect(now).toBeGreaterThanOrEqual(trip.endtime + HOUR);
    expect((await call('querytrips', asked)).totaltrips).toHaveLength(1);
    expect((await call('querytracks', asked)).records[0]).toMatchObject({ arrivedtime: trip.visibleAt });
  });

  test('read times on the GMT+8 clock unless a timezone is sent', async () => {
    await start({ fleet: { lateShare: 0 } });
    const id = await deviceThat('driving');
    const [from, to] = [START - 5 * HOUR, START - HOUR];
    const gmt8 = await call('querytrips', span(id, from, to));
    const utc = {
      deviceid: id,
      begintime: '2026-05-20 07:00:00',
      endtime: '2026-05-20 11:00:00',
      timezone: 0,
    };
    expect(gmt8.totaltrips.length).toBeGreaterThan(0);
    expect((await call('querytrips', utc)).totaltrips).toEqual(gmt8.totaltrips);
    expect((await call('querytrips', { ...utc, timezone: undefined })).totaltrips).not.toEqual(
      gmt8.totaltrips,
    );
    expect(await call('querytrips', { ...utc, begintime: '2026-05-20' })).toMatchObject({ status: 9904 });
    expect(await call('querytrips', { ...utc, begintime: '2026-02-30 00:00:00' })).toMatchObject({
      status: 9904,
    });
  });

  test('are the same for the same seed, wherever and whenever one asks', async () => {
    await start({ seed: 7 });
    const truth = () => page(`trips?from=${START - DAY}&to=${START}&asOf=${START}`);
    const before = await truth();
    await sim.close();
    await start({ seed: 7 });
    now += 3 * DAY;
    expect(await truth()).toEqual(before);
    await sim.close();
    await start({ seed: 8 });
    expect(await truth()).not.toEqual(before);
  });

  test('a trip never overlaps the next, and each begins where the last one ended', async () => {
    await start({ fleet: { cycleMinutes: 2 } });
    const id = await deviceThat('driving');
    const trips = await page<{ starttime: number; endtime: number; slat: number; elat: number }[]>(
      `trips?device=${id}&from=${START}&to=${START + DAY}`,
    );
    expect(trips.length).toBeGreaterThan(700);
    trips.slice(1).forEach((trip, i) => {
      expect(trip.starttime).toBeGreaterThan(trips[i]?.endtime ?? 0);
      expect(trip.slat).toBe(trips[i]?.elat);
    });
  });
});

describe('reportmileagedetail', () => {
  test('returns the odometer of each day of the requested clock', async () => {
    await start();
    const deviceid = await deviceThat('driving');
    const asked = { deviceid, startday: '2026-05-17', endday: '2026-05-19', offset: 8 };
    const { records } = await call('reportmileagedetail', asked);
    expect(records.map((r) => r.statisticsday)).toEqual(['2026-05-17', '2026-05-18', '2026-05-19']);
    expect(records[0]?.starttime).toBe(parseLocalTime('2026-05-17 00:00:00', 8));
    expect(records[1]?.begindis).toBe(records[0]?.enddis);
    expect(records[1]?.totaldistance).toBeGreaterThan(10_000);
  });
});

test('an action that there is not, another path, and a body that is no object', async () => {
  await start();
  expect(await call('queryunicorns')).toEqual({ status: 8901, cause: 'no such action' });
  expect(await call('lastposition', [1])).toMatchObject({ status: 9904 });
  expect((await fetch(`${sim.url}/elsewhere`, { method: 'POST' })).status).toBe(404);
  expect((await fetch(`${sim.baseUrl}?action=login`)).status).toBe(404);
});
