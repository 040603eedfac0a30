import { cardataPolling } from '../../../../vendors/bmw-cardata/polling';
import { cardataAccountSchema } from '../../../../vendors/bmw-cardata/settings';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const polling = (more: object = {}) =>
  cardataPolling(
    cardataAccountSchema.parse({ vendor: 'bmw-cardata', clientId: 'client-0001', polling: more }),
  );
const value = (text: unknown, at: number | null = null) =>
  ({ state: 'value', value: text, unit: null, at }) as const;

test('what is polled, and what is switched off', () => {
  expect(polling().wishes.map(({ read }) => read)).toEqual([
    'telematics',
    'basic-data',
    'charging-history',
    'tyres',
  ]);
  const some = polling({ tyres: 0, image: '90d', telematics: { idle: '2h' }, night: { factor: 1 } });
  expect(some.wishes.map(({ read }) => read)).toEqual([
    'telematics',
    'basic-data',
    'charging-history',
    'image',
  ]);
  expect(some.wishes[0]?.freshMs).toEqual({ active: 600_000, plugged: 900_000, idle: 2 * HOUR_MS });
  expect(some.night).toBeNull();
  expect(polling({ night: { from: '22:30', zone: 'Europe/Berlin' } }).night).toEqual({
    from: 22 * 60 + 30,
    to: 360,
    zone: 'Europe/Berlin',
    factor: 4,
  });
});

test('a vehicle’s state by its odometer, its movement, its charging port', () => {
  const { state } = polling();
  expect(state({})).toEqual({ movedAt: null, plugged: false });
  expect(
    state({
      'vehicle.vehicle.travelledDistance': value('48260', 1000),
      'vehicle.isMoving': value('true', 2000),
      'vehicle.body.chargingPort.status': value('CONNECTED'),
    }),
  ).toEqual({ movedAt: 2000, plugged: true });
  expect(
    state({
      'vehicle.vehicle.travelledDistance': { state: 'not-available', value: null, unit: 'km', at: null },
      'vehicle.isMoving': value('false', 2000),
      'vehicle.body.chargingPort.status': { state: 'null', value: null, unit: null, at: null },
    }),
  ).toEqual({ movedAt: null, plugged: false });
});

test('charging sessions are asked for by whole days, the same all day long', () => {
  const params = polling().wishes.find(({ read }) => read === 'charging-history')?.params;
  const noon = Date.UTC(2026, 10, 29, 12);
  expect(params?.(noon)).toEqual({ from: noon - 2.5 * DAY_MS, to: noon + DAY_MS / 2 });
  expect(params?.(noon + 11 * HOUR_MS)).toEqual(params?.(noon));
});
