/** Commands to simulated devices: results, delays, lost answers, and the count of what was really received. */
import {
  type Gps51ScenarioInput,
  type Gps51Simulator,
  startGps51Simulator,
} from '../../../../vendors/gps51/simulator';
import { callGps51, type Gps51Session, loginGps51, sessionOf } from '../../../support/callers/gps51-caller';

let sim: Gps51Simulator;
let now: number;
let session: Gps51Session;
let ids: Record<string, string>;

const FAST = { confirmMs: { min: 0, max: 0 }, slowShare: 0 };

async function start(options: Gps51ScenarioInput = {}): Promise<void> {
  now = Date.UTC(2026, 4, 20, 12, 0);
  sim = await startGps51Simulator(
    { rules: { ipPerMinute: 1000 }, fleet: { devices: 80 }, commands: FAST, ...options },
    { clock: () => now },
  );
  session = sessionOf(await loginGps51(sim.baseUrl));
  const devices = (await (await fetch(`${sim.url}/_sim/devices`)).json()) as {
    id: string;
    behaviour: string;
  }[];
  ids = Object.fromEntries(devices.map((d) => [d.behaviour, d.id]));
}

afterEach(() => sim.close());

const send = (deviceid: string | undefined, more: object = {}, action = 'sendcmd') =>
  callGps51(sim.baseUrl, action, { deviceid, cmdcode: 'RELAY', params: ['1'], ...more }, session);

interface Received {
  readonly commands: readonly { via: string; result: number }[];
  readonly counts: readonly { deviceId: string; code: string; params: string[]; count: number }[];
}
const received = async () => (await (await fetch(`${sim.url}/_sim/commands`)).json()) as Received;

describe('sendcmd', () => {
  test('is answered with the result of the command in `status`', async () => {
    await start();
    expect(await send(ids.driving)).toMatchObject({ status: 6, cause: 'the device has confirmed' });
    expect(await send(ids.offline)).toMatchObject({ status: 3 });
    expect(await send(ids.unheard)).toMatchObject({ status: 2 });
    for (const result of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      sim.control({ commandOutcomes: [{ device: ids.driving, result, count: 1 }] });
      expect((await send(ids.driving)).status).toBe(result);
    }
  });

  test('waits for a slow device, and no longer than the timeout', async () => {
    await start({ commands: { ...FAST, timeoutMs: 300 } });
    const timed = async (afterMs: number) => {
      sim.control({ commandOutcomes: [{ result: 6, afterMs, count: 1 }] });
      const began = performance.now();
      return { status: (await send(ids.driving)).status, ms: performance.now() - began };
    };
    const slow = await timed(200);
    expect(slow.status).toBe(6);
    expect(slow.ms).toBeGreaterThan(190);
    expect((await timed(5000)).status).toBe(8);
  });

  test('wants the command password where there is one', async () => {
    await start({ commands: { ...FAST, password: 'open' } });
    expect((await send(ids.driving)).status).toBe(1);
    expect((await send(ids.driving, { cmdpwd: 'open' })).status).toBe(6);
  });

  test('is not there on a white-labelled platform', async () => {
    await start({ missingActions: ['sendcmd'] });
    expect(await send(ids.driving)).toMatchObject({ status: 8901 });
    expect((await send(ids.driving, {}, 'sendcommand')).status).toBe(0);
    expect((await received()).commands).toMatchObject([{ via: 'sendcommand' }]);
  });
});

test('the result of sendcommand is polled: sent until the device has confirmed', async () => {
  await start({ commands: { ...FAST, outcomes: [{ result: 7, afterMs: 1000, count: 1 }] } });
  const { status, commandid } = await send(ids.driving, {}, 'sendcommand');
  expect(status).toBe(0);
  const query = async (id: string = commandid) =>
    (await callGps51(sim.baseUrl, 'querycommand', { commandid: id }, session)).status;
  expect(await query()).toBe(0);
  now += 1000;
  expect(await query()).toBe(7);
  expect(await query('cmd-0')).toBe(-1);
});

describe('what was received', () => {
  test('counts the same command sent twice, and not another one', async () => {
    await start();
    await send(ids.driving);
    await send(ids.driving);
    await send(ids.driving, { params: ['2'] });
    await send(ids.parked);
    expect((await received()).counts).toEqual([
      { deviceId: ids.driving, code: 'RELAY', params: ['1'], count: 2 },
      { deviceId: ids.driving, code: 'RELAY', params: ['2'], count: 1 },
      { deviceId: ids.parked, code: 'RELAY', params: ['1'], count: 1 },
    ]);
  });

  test('a connection cut before the action: not received; after it: received', async () => {
    await start();
    for (const [kind, count] of [
      ['drop-before', 0],
      ['drop-after-processing', 1],
    ] as const) {
      sim.control({ addFaults: [{ kind, operation: 'sendcmd', count: 1 }] });
      await expect(send(ids.driving)).rejects.toThrow('fetch failed');
      expect((await received()).commands).toHaveLength(count);
    }
  });

  test('an error code instead of the action, or after it', async () => {
    await start();
    sim.control({ addErrors: [{ code: -1, action: 'sendcmd', count: 1 }] });
    expect(await send(ids.driving)).toMatchObject({ status: -1 });
    expect((await received()).commands).toHaveLength(0);
    sim.control({ addErrors: [{ code: -1, action: 'sendcmd', count: 1, afterwards: true }] });
    expect(await send(ids.driving)).toMatchObject({ status: -1 });
    expect((await received()).commands).toHaveLength(1);
  });

  test('commands to a device that the caller does not see are not', async () => {
    await start();
    expect(await send('123')).toMatchObject({ status: -1 });
    expect(await send(ids.driving, { params: 'RELAY,1' })).toMatchObject({ status: 9904 });
    expect((await received()).commands).toHaveLength(0);
  });
});
