import { type FleetForecastInput, fleetForecast } from '../../../../quota/fleet/forecast';

const DAY = 24 * 3_600_000;
const MIDNIGHT = Date.parse('2026-11-20T16:00:00Z');

/** The vendor's numbers: 5 a device less 2 for trips, 1440 + 5 × D an account less a quarter, 8 of 10 a minute. */
function plan(devices: number, callsEach: number, change: Partial<FleetForecastInput> = {}) {
  return fleetForecast({
    calls: new Array<number>(devices).fill(callsEach),
    device: { name: 'device', perDay: 3, leftToday: new Array<number>(devices).fill(3) },
    shared: [
      { name: 'account', perDay: 0.75 * (1440 + 5 * devices), leftToday: 0.75 * (1440 + 5 * devices) },
      { name: 'ip', perDay: 8 * 1440, leftToday: null },
    ],
    now: MIDNIGHT,
    notBefore: null,
    dayEndsAt: MIDNIGHT + DAY,
    ...change,
  });
}

test('100 devices × 30 days take 10 days at 3 calls a device and day, bound by the device', () => {
  const result = plan(100, 30);
  expect(result).toMatchObject({
    calls: 3000,
    days: 10,
    callsADay: 300,
    binding: { limit: 'device', days: 10 },
  });
  // The last day's calls are through in 300 / 8 minutes.
  expect(result.finish).toBe(MIDNIGHT + 9 * DAY + (300 / 8) * 60_000);
});

test('one device × one day takes one call', () => {
  expect(plan(1, 1)).toMatchObject({ calls: 1, days: 1, finish: MIDNIGHT + 7500 });
});

test('a large fleet is bound by what the egress IP lets through', () => {
  const result = plan(8000, 30);
  expect(result.binding?.limit).toBe('ip');
  expect(result.days).toBe(Math.ceil((8000 * 30) / (8 * 1440)));
});

test('a small account is bound by its calls a day', () => {
  const shared = [{ name: 'account', perDay: 100, leftToday: 40 }];
  const result = plan(100, 3, { shared });
  expect(result).toMatchObject({ days: 4, callsADay: 100, binding: { limit: 'account', days: 3 } });
});

test('what is used up today makes it a day longer, whatever is left of the day', () => {
  const used = { name: 'device', perDay: 3, leftToday: new Array<number>(100).fill(0) };
  const result = plan(100, 30, { device: used, now: MIDNIGHT + DAY / 2 });
  expect(result.days).toBe(10);
  expect(result.finish).toBeGreaterThan(MIDNIGHT + 10 * DAY);
});

test('a pause puts it off', () => {
  const paused = plan(10, 3, { notBefore: MIDNIGHT + 2 * DAY + 3_600_000 });
  expect(paused.finish).toBe(MIDNIGHT + 2 * DAY + 3_600_000 + (30 / 8) * 60_000);
});

test('nothing to do is done now, and what nobody may call is never done', () => {
  expect(plan(10, 0)).toMatchObject({ calls: 0, days: 0, finish: MIDNIGHT, binding: null });
  const none = { name: 'device', perDay: 0, leftToday: [0, 0] };
  expect(plan(2, 1, { device: none })).toMatchObject({
    finish: Infinity,
    binding: { limit: 'device', days: Infinity },
  });
});

test('without a limit of devices the shared ones are all that counts', () => {
  expect(plan(10, 30, { device: null })).toMatchObject({ days: 1, binding: { limit: 'account' } });
});
