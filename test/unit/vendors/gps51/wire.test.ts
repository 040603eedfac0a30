/** Requests, verdicts and contract of GPS51 against its simulator, over the wire and without the rest of Sluice. */
import { Agent } from 'undici';
import { sendForText } from '../../../../activities/gateway/http/http';
import type { Verdict } from '../../../../quota/verdict';
import type { FleetApi } from '../../../../vendors/capabilities/fleet';
import type { CallInfo } from '../../../../vendors/contract';
import { gps51Commands, gps51EndUsers, gps51Fleet, gps51Login } from '../../../../vendors/gps51/calls';
import { gps51Rules } from '../../../../vendors/gps51/rules';
import { type Gps51Account, gps51AccountSchema } from '../../../../vendors/gps51/settings';
import {
  type Gps51ScenarioInput,
  type Gps51Simulator,
  startGps51Simulator,
} from '../../../../vendors/gps51/simulator';
import type { HttpRequest, Parsed } from '../../../../vendors/http';
import { freePass } from '../../../support/pass';

const HOUR_MS = 3_600_000;
/** 20:00 on the vendor's clock. */
const NOW = Date.UTC(2026, 4, 20, 12);
const rules = gps51Rules('Asia/Shanghai');
const dispatcher = new Agent();
afterAll(() => dispatcher.close());

let sim: Gps51Simulator;
let account: Gps51Account;
let api: FleetApi;
let token: string;
afterEach(() => sim.close());

/** A call to the simulator, which counts requests with its own clock. */
async function call(operation: string, request: HttpRequest, more: Partial<CallInfo> = {}) {
  const result = await sendForText(request, { dispatcher, timeoutMs: 10_000, pass: freePass() });
  const attributes = { vendor: 'gps51', account: 'main', egressIp: 'default' };
  const info: CallInfo = { vendor: 'gps51', account: 'main', operation, attributes, ...more };
  const verdict: Verdict = rules.classify(info, result, NOW);
  return { verdict, body: result.kind === 'response' ? result.response.body : '' };
}

const signed = (operation: string, request: HttpRequest) => call(operation, api.authorize(request, token));

function read<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Error(parsed.problem);
}

async function logIn(password: string) {
  return call('login', gps51Login(account).request({ password }, NOW));
}

async function start(scenario: Gps51ScenarioInput = {}, settings: object = {}) {
  sim = await startGps51Simulator({ rules: { ipPerMinute: 1000 }, ...scenario }, { clock: () => NOW });
  const given = { vendor: 'gps51', username: 'fleet', password: 'env:P', baseUrl: sim.baseUrl, ...settings };
  account = gps51AccountSchema.parse(given);
  api = gps51Fleet(account);
  token = read(gps51Login(account).parse((await logIn('fleet-secret')).body)).accessToken;
}

async function devices() {
  const { verdict, body } = await signed('querymonitorlist', api.devices());
  expect(verdict.kind).toBe('ok');
  return read(api.parseDevices(body));
}

test('the devices, and how many calls a day they are worth', async () => {
  await start({ fleet: { devices: 100, expiredShare: 0.1 } });
  const all = await devices();
  expect(all).toHaveLength(100);
  const valid = all.filter((d) => d.expiresAt === null || d.expiresAt > NOW).length;
  expect(valid).toBeLessThan(100);
  expect(api.limitsOf(all, NOW)).toEqual([{ limit: 'account-per-day', capacity: 1440 + 5 * valid }]);
});

test('all positions at once, none misread for its bit mask, and then only what is new', async () => {
  await start({ fleet: { devices: 60, codeLikeStatusShare: 1 } });
  const ids = (await devices()).map((d) => d.deviceId);
  const first = await signed('lastposition', api.positions(ids, null));
  expect(first.verdict.kind).toBe('ok');
  const { cursor, positions } = read(api.parsePositions(first.body));
  expect(positions.length).toBeGreaterThan(40);
  for (const { at, latitude, deviceId, speed } of positions) {
    expect(at).toBeLessThanOrEqual(NOW);
    expect(Math.abs(latitude)).toBeGreaterThan(0);
    expect(ids).toContain(deviceId);
    expect(speed).toBeLessThan(300);
  }
  const again = await signed('lastposition', api.positions(ids, cursor));
  expect(read(api.parsePositions(again.body))).toEqual({ cursor, positions: [] });
});

test('a day of a device: its trips and its track lie within the requested span', async () => {
  await start({ fleet: { devices: 8, parkedShare: 0, offlineShare: 0 } });
  const span = { from: NOW - 24 * HOUR_MS, to: NOW };
  let trips = 0;
  for (const { deviceId } of await devices()) {
    const answer = await signed('querytrips', api.trips(deviceId, span));
    for (const trip of read(api.parseTrips(answer.body, deviceId))?.trips ?? []) {
      trips++;
      expect(trip.end).toBeGreaterThan(span.from);
      expect(trip.start).toBeLessThan(span.to);
      expect(trip.distance).toBeGreaterThan(0);
    }
    const track = await signed('querytracks', api.track(deviceId, span));
    const times = read(api.parseTrack(track.body, deviceId)).map((point) => point.at);
    expect(times.filter((at) => at < span.from || at > span.to)).toEqual([]);
  }
  expect(trips).toBeGreaterThan(20);
});

describe('refusals', () => {
  test('wrong credentials are refused, and no token comes of it', async () => {
    await start();
    const { verdict, body } = await logIn('wrong');
    expect(verdict).toMatchObject({ kind: 'auth', reason: 'refused', evidence: { code: '1' } });
    expect(gps51Login(account).parse(body).ok).toBe(false);
  });

  test('an expired token and one that is unknown ask for a login', async () => {
    await start();
    sim.control({ expireTokens: true });
    expect((await signed('querymonitorlist', api.devices())).verdict).toMatchObject({
      kind: 'auth',
      reason: 'expired',
      evidence: { code: '9903' },
    });
    sim.control({ forgetTokens: true });
    expect((await signed('querymonitorlist', api.devices())).verdict).toMatchObject({
      evidence: { code: '9906' },
    });
  });

  test('the eleventh call of a minute is the IP’s', async () => {
    await start({ rules: {} });
    for (let i = 1; i < 10; i++) await signed('querymonitorlist', api.devices());
    expect((await signed('querymonitorlist', api.devices())).verdict).toMatchObject({
      kind: 'rate',
      limit: 'ip-per-minute',
      evidence: { code: '8902', message: expect.stringContaining('ip limit:') },
    });
  });

  test('an account that is used up pauses until the vendor’s midnight', async () => {
    await start({ rules: { ipPerMinute: 1000, accountBase: 2, accountPerDevice: 0 } });
    await devices();
    expect((await signed('lastposition', api.positions([], null))).verdict).toMatchObject({
      kind: 'quota',
      limit: 'account-per-day',
      // And a little more, for clocks differ.
      statedWaitMs: 4 * HOUR_MS + 5000,
    });
  });
});

describe('commands', () => {
  const command = { code: 'TYPE_SERVER_UNLOCK_CAR', params: ['1'] };
  const form = (n: number) => {
    const found = gps51Commands(account).forms[n];
    if (!found) throw new Error(`no form ${n}`);
    return found;
  };

  test.each([
    [6, 'success', 'confirmed'],
    [3, 'success', 'cached'],
    [1, 'failure', 'bad-password'],
    [8, 'unknown', 'confirmation-timeout'],
  ])('a result of %i is %s: %s', async (result, outcome, name) => {
    await start({ commands: { outcomes: [{ result, afterMs: 0 }] } });
    const [device] = await devices();
    const order = { deviceId: device?.deviceId ?? '', ...command };
    const { verdict, body } = await signed('sendcmd', form(0).request(order, null));
    expect(verdict.kind).toBe('ok');
    expect(read(form(0).parse(body, order))).toMatchObject({
      result: { outcome, name, code: String(result) },
    });
  });

  test('where sendcmd is not offered, the command is handed over and its result polled', async () => {
    await start({ missingActions: ['sendcmd'], commands: { outcomes: [{ result: 6, afterMs: 60_000 }] } });
    const [device] = await devices();
    const order = { deviceId: device?.deviceId ?? '', ...command };
    const refused = await signed('sendcmd', form(0).request(order, null));
    expect(refused.verdict.kind).toBe('invalid');
    expect(form(0).isUnsupported(refused.verdict.evidence.code)).toBe(true);
    const queued = await signed('sendcommand', form(1).request(order, null));
    expect(queued.verdict.kind).toBe('ok');
    const taken = read(form(1).parse(queued.body, order));
    if (!('commandId' in taken)) throw new Error('no id to ask with');
    const { results } = gps51Commands(account);
    const { commandId } = taken;
    const asked = await signed('querycommand', results.request(commandId, order.deviceId));
    expect(asked.verdict.kind).toBe('ok');
    expect(read(results.parse(asked.body, commandId, order.deviceId))).toMatchObject({ outcome: 'pending' });
  });
});

test('an end user logs in and sees the devices of that user only', async () => {
  await start();
  const userAuth = gps51EndUsers(account);
  const login = await call(userAuth.operations.login, userAuth.login('driver', 'driver-secret', NOW));
  const { accessToken } = read(userAuth.parseLogin(login.body));
  const list = await call(
    userAuth.operations.devices,
    api.authorize(userAuth.devices('driver'), accessToken),
  );
  const seen = read(api.parseDevices(list.body));
  expect(new Set(seen.map((d) => d.group))).toEqual(new Set(['group-1']));
  const wrong = await call(userAuth.operations.login, userAuth.login('driver', 'guess', NOW));
  expect(wrong.verdict).toMatchObject({ kind: 'auth', reason: 'refused' });
});

test('2,665 devices fit into one answer and are read at once', async () => {
  await start({ fleet: { devices: 2665, offlineShare: 0 } });
  const ids = (await devices()).map((d) => d.deviceId);
  const { verdict, body } = await signed('lastposition', api.positions(ids, null));
  expect(verdict.kind).toBe('ok');
  expect(body.length).toBeLessThan(4 * 1024 * 1024);
  const parsed = api.parsePositions(body);
  expect(parsed).not.toHaveProperty('leftOut');
  expect(read(parsed).positions).toHaveLength(2665);
});
