/** What a plan says with the vendor's published numbers, a fleet that is known and one that is imagined. */
import type { Pool } from 'pg';
import { planFleet } from '../../../../../client/operations/fleet/plan';
import { fleetLimitKey } from '../../../../../quota/fleet/device-limits';
import { parseSettings } from '../../../../../settings';
import { fleetContext } from '../../../../../settings/datasets/fleet-context';
import { storeDevices } from '../../../../../store/fleet/fleet';
import { storeTrack } from '../../../../../store/fleet/history';
import { ensureDeviceSeries } from '../../../../../store/fleet/ledger';
import { registerLimits, takePermits } from '../../../../../store/permits/permits';
import { STEADY_DAY_ENDS, STEADY_ZONE } from '../../../../support/stacks/due-hours';
import { ownDatabase } from '../../../../support/stacks/own-database';

const DAY = 24 * 3_600_000;
const SETTINGS = `
accounts:
  fleet: { vendor: gps51, username: fleet, password: env:FLEET_PASSWORD, zone: ${STEADY_ZONE} }
datasets:
  - { dataset: gps51/positions, account: fleet }
  - { dataset: gps51/trips, account: fleet }
`;

const settings = parseSettings(SETTINGS, { file: null, baseDir: '/', env: {} });
const context = fleetContext(settings, { dataset: 'gps51/tracks', account: 'fleet' });
const now = Date.now();
const to = Math.floor(now / DAY) * DAY - DAY;
let db: Pool;

ownDatabase({ max: 3 }, (made) => {
  db = made;
});
/** When the vendor's next day begins. */
const DAWN = STEADY_DAY_ENDS;

const plan = (
  days: number,
  deviceCount: number | null,
  devices: readonly string[] | null = null,
  at = now,
) => {
  const span = { from: to - days * DAY, to };
  return planFleet(
    db,
    settings,
    context,
    { ...span, devices, deviceCount, chunkHours: null, priority: 'background' },
    at,
  );
};

test('100 devices × 30 days: 3,000 calls, bound by the device, 10 days at 3 calls a device and day', async () => {
  const { calls, days, callsADevice, callsADay, binding, liveADay } = await plan(30, 100, null, DAWN);
  expect({ calls, days, callsADevice, callsADay }).toEqual({
    calls: 3000,
    days: 10,
    callsADevice: 3,
    callsADay: 300,
  });
  expect(binding).toEqual({ limit: 'device-trajectory-per-day', days: 10 });
  expect(liveADay).toBe(1440 + 4);
});

test('a fleet of thousands takes no longer, until the calls a minute are not enough', async () => {
  expect(await plan(30, 2665, null, DAWN)).toMatchObject({
    days: 10,
    binding: { limit: 'device-trajectory-per-day' },
  });
  const large = await plan(30, 8000, null, DAWN);
  expect(large.binding?.limit).toBe('ip-per-minute');
  expect(large.days).toBeGreaterThanOrEqual(Math.ceil((8000 * 30) / (8 * 1440)));
});

test('a known fleet: stored windows are not requested again, and calls used today are not left', async () => {
  await expect(plan(2, null)).rejects.toThrow(/no device of fleet is known yet.*`deviceCount`/);
  const device = { name: '', type: '', sim: '', group: '', lastActiveAt: null, expiresAt: null, free: false };
  await storeDevices(
    db,
    'fleet',
    [
      { ...device, deviceId: 'a' },
      { ...device, deviceId: 'b' },
    ],
    now,
  );
  expect(await plan(4, null)).toMatchObject({ devices: 2, calls: 8, days: 2 });
  const series = await ensureDeviceSeries(db, 'gps51/tracks', 'fleet', ['a']);
  const span = { from: to - 4 * DAY, to: to - DAY };
  const answer = { account: 'fleet', deviceId: 'a', evidence: {}, now, positions: [] };
  await storeTrack(db, { ...answer, seriesId: series.get('a') ?? 0, span, covered: span });
  expect(await plan(4, null)).toMatchObject({ devices: 2, calls: 5, days: 2 });
  expect(await plan(4, null, ['a'])).toMatchObject({ devices: 1, calls: 1, days: 1 });

  const template = context.account.limits.find(({ name }) => name === 'device-trajectory-per-day');
  if (!template) throw new Error('no such limit');
  const key = fleetLimitKey(context.account, template, 'b');
  expect(key).toBe('gps51/fleet/b/device-trajectory-per-day');
  await registerLimits(db, context.account.poolKey, [{ key, template }]);
  const request = { pool: null, priority: 'scheduled', charges: [{ key, units: 1 }] } as const;
  await takePermits(db, [request, request], 0);
  // One is left today, three tomorrow.
  expect(await plan(4, null, ['b'])).toMatchObject({ calls: 4, days: 2 });
  expect(await plan(5, null, ['b'])).toMatchObject({ calls: 5, days: 3 });
  await expect(plan(4, null, ['c'])).rejects.toThrow(/account "fleet" has no device "c"/);
});
