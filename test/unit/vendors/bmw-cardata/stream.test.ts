/** Messages of CarData's stream. */
import { type CarDataAccount, cardataAccountSchema } from '../../../../vendors/bmw-cardata/settings';
import { cardataStream } from '../../../../vendors/bmw-cardata/stream';

const account = (more: object = {}): CarDataAccount =>
  cardataAccountSchema.parse({ vendor: 'bmw-cardata', clientId: 'client-0001', ...more });

describe('messages of the stream', () => {
  const VIN = 'WBATEST00SLUC0001';
  const { parse } = cardataStream(account({}));
  const at = Date.UTC(2026, 10, 30, 1, 2, 3);
  const entry = { timestamp: '2026-11-30T01:02:03Z', value: '81', unit: 'percent' };
  const message = (data: unknown, more: object = {}) =>
    parse(`gcid/${VIN}`, JSON.stringify({ vin: VIN, entityId: 'x', topic: VIN, data, ...more }));

  test('text, numbers, truth values and null, with and without unit and time', () => {
    const data = {
      'vehicle.soc': entry,
      'vehicle.range': { value: 312.5, timestamp: '2026-11-30T01:02:03.000Z' },
      'vehicle.isMoving': { value: false },
      'vehicle.door': { value: null, unit: null, timestamp: null },
      'vehicle.none': { value: '-NA-' },
      'vehicle.bare': 7,
      'vehicle.without': { unit: 'km' },
    };
    expect(message(data, { timestamp: '2026-11-30T01:02:04Z' })).toEqual({
      ok: true,
      value: {
        vehicleId: VIN,
        values: {
          'vehicle.soc': { state: 'value', value: '81', unit: 'percent', at },
          'vehicle.range': { state: 'value', value: 312.5, unit: null, at },
          'vehicle.isMoving': { state: 'value', value: false, unit: null, at: at + 1000 },
          'vehicle.door': { state: 'null', value: null, unit: null, at: at + 1000 },
          'vehicle.none': { state: 'not-available', value: null, unit: null, at: at + 1000 },
          'vehicle.bare': { state: 'value', value: 7, unit: null, at: at + 1000 },
        },
      },
    });
  });

  test('the vehicle is the message’s, else the topic’s, in any case', () => {
    const of = (vin: unknown, topic: string) => {
      const parsed = parse(topic, JSON.stringify({ vin, data: { a: entry } }));
      return parsed.ok ? parsed.value.vehicleId : parsed.problem;
    };
    expect(of(VIN.toLowerCase(), 'gcid/other')).toBe(VIN);
    expect(of(undefined, `gcid/${VIN}`)).toBe(VIN);
    expect(of(42, `gcid/${VIN}/state`)).toBe(VIN);
    expect(of('', 'gcid/unknown')).toBe('the message names no VIN');
  });

  test.each([
    ['alone in a list', [{ vin: VIN, data: { a: entry } }]],
    ['as a text', JSON.stringify({ vin: VIN, data: { a: entry } })],
    ['with a list of descriptors', { vin: VIN, data: [{ name: 'a', ...entry }, 1] }],
    ['with a text of descriptors', { vin: VIN, data: JSON.stringify({ a: entry }) }],
  ])('a message that comes %s is read', (_, message) => {
    expect(parse(`gcid/${VIN}`, JSON.stringify(message))).toMatchObject({
      ok: true,
      value: { vehicleId: VIN, values: { a: { state: 'value' } } },
    });
  });

  test.each([
    ['', 'is empty'],
    ['not JSON', 'no JSON object'],
    ['[]', 'no JSON object'],
    [JSON.stringify({ vin: VIN }), 'data must be an object'],
    [JSON.stringify({ vin: VIN, data: 1 }), 'data must be an object'],
  ])('%j is reported', (payload, problem) => {
    expect(parse(`gcid/${VIN}`, payload)).toMatchObject({
      ok: false,
      problem: expect.stringContaining(problem),
    });
  });
});
