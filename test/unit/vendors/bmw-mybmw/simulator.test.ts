/** The simulated MyBMW as a client meets it over sockets, by a clock that only the test moves. */
import {
  type MyBmwScenarioInput,
  type MyBmwSimulator,
  startMyBmwSimulator,
} from '../../../../vendors/bmw-mybmw/simulator';
import {
  callMyBmw,
  loginMyBmw,
  type MyBmwAnswer,
  type MyBmwCall,
  refreshMyBmw,
  USER_AGENT,
} from '../../../support/callers/mybmw-caller';

/** A time of day at which cars stand at home. */
const START = Date.UTC(2026, 4, 20, 3, 0);
const HOUR = 3_600_000;
const LIST = '/eadrax-vcs/v5/vehicle-list';
const STATE = '/eadrax-vcs/v4/vehicles/state';
const REMOTE = '/eadrax-vrccs/v4/presentation/remote-commands';

let sim: MyBmwSimulator;
let now: number;
let token: unknown;

async function start(options: MyBmwScenarioInput = {}): Promise<void> {
  now = START;
  sim = await startMyBmwSimulator(options, { clock: () => now });
  token = (await tokens()).access_token;
}

afterEach(() => sim.close());

const tokens = async () => (await loginMyBmw(sim.url)).body as Record<string, unknown>;
const call = (path: string, options: MyBmwCall = {}) => callMyBmw(sim.url, path, { token, ...options });
const list = (userAgent = USER_AGENT) => call(LIST, { method: 'POST', userAgent });
const post = (path: string, vin: string) => call(path, { method: 'POST', vin });
const page = async <T>(name: string) => (await (await fetch(`${sim.url}/_sim/${name}`)).json()) as T;
const messageOf = ({ body }: MyBmwAnswer) => (body as { message?: string }).message;

interface Car {
  readonly vin: string;
  readonly brand: string;
  readonly driveTrain: string;
}
const cars = () => page<Car[]>('cars');
const carWith = async (driveTrain: string) => {
  const car = (await cars()).find((c) => c.driveTrain === driveTrain);
  if (!car) throw new Error(`no car: ${driveTrain}`);
  return car.vin;
};

describe('the quota', () => {
  test('is the user agent’s: two callers share one, another agent has its own, and the text states the wait', async () => {
    await start({ quota: { calls: 3, endsInMs: 798_000 } });
    const other = (await tokens()).access_token;
    expect((await list()).status).toBe(200);
    expect((await callMyBmw(sim.url, LIST, { method: 'POST', token: other })).status).toBe(200);
    expect((await list()).status).toBe(200);
    const refused = await list();
    expect(refused.status).toBe(403);
    expect(messageOf(refused)).toBe('Out of call volume quota. Quota will be replenished in 00:13:18.');
    expect((await list('another/fedcba9876543210')).status).toBe(200);
    now += 797_999;
    expect((await list()).status).toBe(403);
    now += 1;
    expect((await list()).status).toBe(200);
    const ours = sim.limits.report(now).filter((l) => l.scope.startsWith('sluice'));
    expect(ours.find((l) => l.limit === 'user-agent-per-day')).toMatchObject({ violations: 2 });
  });

  test('may be reported in the reason phrase alone, and rates are refused with 429', async () => {
    await start({ quota: { calls: 2, form: 'reason' }, rate: { calls: 1, ms: 57_000 } });
    expect((await list()).status).toBe(200);
    const limited = await list();
    expect([limited.status, messageOf(limited)]).toEqual([
      429,
      'Rate limit is exceeded. Try again in 57 seconds.',
    ]);
    now += 57_000;
    expect((await list()).status).toBe(200);
    now += 57_000;
    const refused = await list();
    expect([refused.status, refused.body]).toEqual([403, '']);
    expect(refused.statusText).toMatch(
      /^Out of call volume quota\. Quota will be replenished in 23:\d\d:\d\d\.$/,
    );
  });

  test('is distinguished from a user agent that is blocked', async () => {
    await start();
    sim.control({ blocked: ['sluice/*'] });
    const answer = await list();
    expect([answer.status, answer.body]).toEqual([489, 'Blocked']);
    expect((await list('another/fedcba9876543210')).status).toBe(200);
  });
});

describe('the login', () => {
  test('needs the captcha, the right password, and each code once; refresh tokens rotate', async () => {
    await start();
    expect((await loginMyBmw(sim.url, { captcha: '' })).status).toBe(400);
    expect(await loginMyBmw(sim.url, { password: 'wrong' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    const first = await tokens();
    expect(first).toMatchObject({ token_type: 'Bearer', expires_in: 28_799, gcid: expect.any(String) });
    const second = (await refreshMyBmw(sim.url, first.refresh_token)).body as Record<string, unknown>;
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await refreshMyBmw(sim.url, first.refresh_token)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect((await refreshMyBmw(sim.url, second.refresh_token)).status).toBe(200);
    now += 8 * HOUR;
    token = first.access_token;
    expect((await list()).status).toBe(401);
  });
});

test('reads are of every brand and drive train, and a brand’s user agent sees its own', async () => {
  await start();
  const infos = (answer: MyBmwAnswer) =>
    (answer.body as { mappingInfos: { vin: string }[] }).mappingInfos.map(({ vin }) => vin);
  const all = await cars();
  expect(infos(await list())).toEqual(all.map((car) => car.vin));
  const minis = await list('android(AP2A.1);mini;4.9.2(36892);row');
  expect(infos(minis)).toEqual(all.filter((car) => car.brand === 'MINI').map((car) => car.vin));
  for (const { vin, driveTrain, brand } of all) {
    const profile = (await call('/eadrax-vcs/v5/vehicle-data/profile', { vin })).body;
    expect(profile).toMatchObject({ vin, driveTrain, brand: brand === 'TOYOTA' ? 'DRITTKUNDE' : brand });
    const { state } = (await call(STATE, { vin })).body as { state: Record<string, unknown> };
    const reports = brand !== 'TOYOTA';
    expect(state.isLscSupported).toBe(reports);
    expect('electricChargingState' in state).toBe(reports && driveTrain !== 'COMBUSTION');
    const charging = await call('/eadrax-crccs/v2/vehicles', { vin });
    expect(charging.status).toBe(driveTrain === 'COMBUSTION' ? 404 : 200);
  }
  expect((await call(STATE, { vin: 'WBA00000000000000' })).status).toBe(403);
  expect((await call(STATE)).status).toBe(400);
  const vin = await carWith('ELECTRIC');
  expect((await call(STATE, { vin, headers: { 'x-correlation-id': 'no-uuid' } })).status).toBe(400);
});

describe('commands', () => {
  const status = async (eventId: string) => {
    const path = `/eadrax-vrccs/v3/presentation/remote-commands/eventStatus?eventId=${eventId}`;
    return ((await call(path, { method: 'POST' })).body as { eventStatus: string }).eventStatus;
  };
  const send = async (path: string, vin: string) =>
    ((await post(path, vin)).body as { eventId: string }).eventId;
  const lockState = async (vin: string) => {
    const { state } = (await call(STATE, { vin })).body as { state: { doorsState: Record<string, string> } };
    return state.doorsState.combinedSecurityState;
  };

  test('go their way from INITIATED to EXECUTED, and change the car', async () => {
    const fast = {
      deliveredMs: { min: 1000, max: 1000 },
      executedMs: { min: 3000, max: 3000 },
      slowShare: 0,
    };
    await start({ commands: fast });
    const vin = await carWith('COMBUSTION');
    expect(await lockState(vin)).toBe('LOCKED');
    const eventId = await send(`${REMOTE}/door-unlock`, vin);
    const seen = [];
    for (const step of [0, 200, 800, 2000]) {
      now += step;
      seen.push(await status(eventId));
    }
    expect(seen).toEqual(['INITIATED', 'PENDING', 'DELIVERED', 'EXECUTED']);
    expect(await lockState(vin)).toBe('UNLOCKED');
    // A drive ends what was changed.
    now += 22 * HOUR;
    token = (await tokens()).access_token;
    expect(await lockState(vin)).toBe('LOCKED');
    expect((await post(`/eadrax-crccs/v1/vehicles/${vin}/start-charging`, vin)).status).toBe(400);
  });

  test('of charging settings and profile, and places that are sent, need a body', async () => {
    await start({ cars: [{ driveTrain: 'ELECTRIC' }] });
    const vin = await carWith('ELECTRIC');
    const send = async (path: string, json?: object) =>
      (await call(path, { method: 'POST', vin, json })).status;
    for (const what of ['settings', 'profile']) {
      const path = `/eadrax-crccs/v1/vehicles/${vin}/charging-${what}`;
      expect([await send(path, {}), await send(path)]).toEqual([200, 400]);
      expect(await send(`${REMOTE}/charging-${what}`, {})).toBe(404);
    }
    const path = '/eadrax-dcs/v2/user/g/send-to-car';
    expect(await send(path, { places: [{}], vehicleInformation: { vin } })).toBe(201);
    expect(await send(path, { places: [{}], vehicleInformation: { vin: 'X' } })).toBe(403);
    expect(await send(path)).toBe(400);
  });

  describe('of charging settings and profile', () => {
    const charging = async (vin: string) =>
      (await call('/eadrax-crccs/v2/vehicles', { vin })).body as {
        chargingSettingsDetail: object;
        chargeAndClimateTimerDetail: object;
      };
    const stateOf = async (vin: string) =>
      ((await call(STATE, { vin })).body as { state: Record<string, Record<string, unknown>> }).state;
    const set = async (vin: string, what: string, json: object) => {
      const path = `/eadrax-crccs/v1/vehicles/${vin}/charging-${what}`;
      const answer = await call(path, { method: 'POST', vin, json });
      now += 10_000;
      return answer;
    };
    const fast = {
      deliveredMs: { min: 1000, max: 1000 },
      executedMs: { min: 3000, max: 3000 },
      slowShare: 0,
    };

    test('change what the next reads show, for good, and not that of other cars', async () => {
      await start({ cars: [{ driveTrain: 'ELECTRIC' }, { driveTrain: 'ELECTRIC' }], commands: fast });
      const [vin = '', other = ''] = (await cars()).map((car) => car.vin);
      expect(await set(vin, 'settings', { chargingTarget: 65, acLimitValue: 10 })).toMatchObject({
        status: 200,
      });
      // Null leaves as it is, as the platform's own clients send it.
      expect(await set(vin, 'settings', { chargingTarget: null, dcLoudness: 'LIMITED_LOUD' })).toMatchObject({
        status: 200,
      });
      const timer = {
        id: 2,
        daysOfTheWeek: ['MONDAY'],
        time: '0001-01-01T07:35:00.000',
        timerAction: 'ACTIVATE',
      };
      await set(vin, 'profile', {
        chargingMode: {
          type: 'TIME_SLOT',
          chargingPreference: 'CHARGING_WINDOW',
          startTimeSlot: '0001-01-01T18:01:00.000',
          endTimeSlot: '0001-01-01T01:30:00.000',
          timerChange: 'NO_CHANGE',
        },
        departureTimer: { type: 'TWO_DEPARTURE_TIMER', weeklyTimers: [timer] },
        isPreconditionForDepartureActive: true,
        servicePack: 'TCB1',
      });
      // Drives end what was locked, and nothing of this.
      now += 22 * HOUR;
      token = (await tokens()).access_token;
      const { chargingProfile, electricChargingState } = await stateOf(vin);
      expect(electricChargingState).toMatchObject({ chargingTarget: 65 });
      expect(chargingProfile).toMatchObject({
        chargingControlType: 'TWO_TIMES_TIMER',
        chargingMode: 'DELAYED_CHARGING',
        chargingPreference: 'CHARGING_WINDOW',
        chargingSettings: { acCurrentLimit: 10, idcc: 'LIMITED_LOUD', targetSoc: 65 },
        climatisationOn: true,
        reductionOfChargeCurrent: { start: { hour: 18, minute: 1 }, end: { hour: 1, minute: 30 } },
      });
      expect(chargingProfile?.departureTimes).toContainEqual({
        action: 'ACTIVATE',
        id: 2,
        timeStamp: { hour: 7, minute: 35 },
        timerWeekDays: ['MONDAY'],
      });
      expect(await charging(vin)).toMatchObject({
        chargingSettingsDetail: { acLimit: { current: { value: 10 } }, chargingTarget: 65 },
        chargeAndClimateTimerDetail: {
          chargingMode: { type: 'TIME_SLOT', endTimeSlot: '0001-01-01T01:30:00' },
        },
      });
      expect((await stateOf(other)).electricChargingState).toMatchObject({ chargingTarget: 80 });
    });

    test('end the charging at a lower target, and change nothing before they are executed', async () => {
      await start({
        cars: [{ driveTrain: 'ELECTRIC' }],
        commands: fast,
        tokens: { lifetimeSeconds: 7 * 86_400 },
      });
      const [{ vin } = { vin: '' }] = await cars();
      const soc = async () => (await stateOf(vin)).electricChargingState;
      // Cars live by a seed, so that one that charges at this hour is found by going on.
      while ((await soc())?.chargingStatus !== 'CHARGING') now += HOUR / 2;
      const before = await soc();
      const percent = Number(before?.chargingLevelPercent);
      const target = Math.max(20, Math.floor(percent / 5) * 5);
      const path = `/eadrax-crccs/v1/vehicles/${vin}/charging-settings`;
      await call(path, { method: 'POST', vin, json: { chargingTarget: target } });
      now += 2000;
      expect(await soc()).toMatchObject({ chargingStatus: 'CHARGING', chargingTarget: 80 });
      now += 8000;
      expect(await soc()).toMatchObject({ chargingStatus: 'PLUGGED_IN', chargingTarget: target });
      now += HOUR / 2;
      expect(await soc()).toMatchObject({ chargingLevelPercent: percent });
    });

    test.each([
      ['settings', { chargingTarget: 82 }, 'chargingTarget'],
      ['settings', { chargingTarget: 15 }, 'chargingTarget'],
      ['settings', { chargingTarget: '80' }, 'chargingTarget'],
      ['settings', { acLimitValue: 11 }, 'acLimitValue'],
      ['profile', { chargingMode: { type: 'LATER' } }, 'chargingMode.type'],
      [
        'profile',
        { departureTimer: { type: 'WEEKLY_DEPARTURE_TIMER', weeklyTimers: [{ id: 9 }] } },
        'weeklyTimers',
      ],
    ])('%s: %j is refused and named', async (what, json, field) => {
      await start({ cars: [{ driveTrain: 'ELECTRIC' }] });
      const answer = await set(await carWith('ELECTRIC'), what, json);
      expect(answer.status).toBe(400);
      expect(messageOf(answer)).toContain(field);
      expect((await page<{ commands: unknown[] }>('commands')).commands).toEqual([]);
    });
  });

  test('end as their scenario says, and are counted by car', async () => {
    await start({
      commands: { outcomes: [{ command: 'horn-blow', status: 'ERROR', afterMs: 500, count: 1 }] },
    });
    const vin = await carWith('ELECTRIC');
    const horn = await send(`${REMOTE}/horn-blow`, vin);
    sim.control({ commandOutcomes: [{ command: 'door-lock', status: 'PENDING' }] });
    const lock = await send(`${REMOTE}/door-lock`, vin);
    now += HOUR;
    expect([await status(horn), await status(lock)]).toEqual(['ERROR', 'PENDING']);
    sim.control({ addFaults: [{ kind: 'drop-after-processing', operation: 'command', count: 1 }] });
    await expect(post(`${REMOTE}/horn-blow`, vin)).rejects.toThrow();
    const { counts } = await page<{ counts: unknown[] }>('commands');
    expect(counts).toContainEqual({ vin, command: 'horn-blow', count: 2 });
  });
});
