import { cardataVehicles } from '../../../../vendors/bmw-cardata/calls';
import { type CarDataAccount, cardataAccountSchema } from '../../../../vendors/bmw-cardata/settings';
import fc from '../../../support/run/properties';

const VIN = 'WBATEST00SLUC0001';
const account = (more: object = {}): CarDataAccount =>
  cardataAccountSchema.parse({ vendor: 'bmw-cardata', clientId: 'client-0001', ...more });
const api = cardataVehicles(account());
const request = (more: object = {}) => ({ vehicleId: VIN, params: {}, resource: null, next: null, ...more });

describe('requests', () => {
  test('carry the version and, once authorized, the token', () => {
    expect(api.authorize(api.vehicles(), 'tok')).toEqual({
      method: 'GET',
      url: 'https://api-cardata.bmwgroup.com/customers/vehicles/mappings',
      headers: { accept: 'application/json', 'x-version': 'v1', authorization: 'Bearer tok' },
    });
    const own = cardataVehicles(account({ baseUrl: 'http://127.0.0.1:1/api/' }));
    expect(own.vehicles().url).toBe('http://127.0.0.1:1/api/customers/vehicles/mappings');
  });

  test.each([
    ['telematics', { resource: 'C 1' }, 'telematicData?containerId=C+1'],
    ['basic-data', {}, 'basicData'],
    ['tyres', {}, 'smartMaintenanceTyreDiagnosis'],
    ['charging-settings', { next: 'a/b' }, 'locationBasedChargingSettings?nextToken=a%2Fb'],
    ['image', {}, 'image'],
    [
      'charging-history',
      { params: { from: 0, to: 86_400_000 }, next: 'n' },
      'chargingHistory?from=1970-01-01T00%3A00%3A00.000Z&to=1970-01-02T00%3A00%3A00.000Z&nextToken=n',
    ],
  ])('%s', (name, more, path) => {
    const read = api.reads.find((one) => one.name === name);
    expect(read?.staleMs).toBeGreaterThan(0);
    expect(api.read(name, request(more)).url).toBe(
      `https://api-cardata.bmwgroup.com/customers/vehicles/${VIN}/${path}`,
    );
    expect(api.read(name, request(more)).binary).toBe(name === 'image' ? true : undefined);
  });

  test('an unknown read and a wrong VIN are errors before anything is sent', () => {
    expect(() => api.read('doors', request())).toThrow(/"doors" is not read here \(telematics, /);
    expect(api.vehicleIdProblem('../mappings')).toMatch(/17 capital letters/);
  });
});

describe('vehicles', () => {
  const mapping = { vin: VIN, mappedSince: '2024-03-11T09:15:00Z', mappingType: 'PRIMARY' };
  test.each([
    ['a list', [mapping]],
    ['one alone', mapping],
    ['one in small letters', { ...mapping, vin: VIN.toLowerCase() }],
    ['inside a field', { vehicles: [mapping] }],
    ['one inside a field', { mappings: mapping }],
  ])('%s', (_, body) => {
    expect(api.parseVehicles(JSON.stringify(body))).toEqual({
      ok: true,
      value: [
        {
          vehicleId: VIN,
          name: VIN,
          brand: '',
          model: '',
          driveTrain: null,
          readable: true,
          details: { mappedSince: '2024-03-11T09:15:00Z', mappingType: 'PRIMARY' },
        },
      ],
    });
  });

  test('another user’s vehicle is seen and not read; none is none; a wrong one does not cost the others', () => {
    const second = { ...mapping, vin: 'WBATEST00SLUC0002', mappingType: 'SECONDARY' };
    const parsed = api.parseVehicles(JSON.stringify([mapping, second, { vin: 'short' }, null]));
    expect(parsed).toMatchObject({
      ok: true,
      value: [{ readable: true }, { readable: false }],
      leftOut: { count: 2, problem: '[2].vin must be a VIN' },
    });
    expect(api.parseVehicles('[]')).toEqual({ ok: true, value: [] });
    expect(api.parseVehicles('{}')).toEqual({ ok: true, value: [] });
    for (const body of ['"x"', '[{"vin":1}]', '{"other":1}', 'null', '<html>']) {
      expect(api.parseVehicles(body)).toMatchObject({ ok: false });
    }
  });
});

describe('reads', () => {
  const timestamp = '2026-09-07T20:35:44.995Z';
  test('telematics: three states, units, times, JSON inside text, unknown names', () => {
    const services = JSON.stringify([
      { id: 2, title: 'Front brake', unitOfLengthRemaining: '2100', date: 'null' },
    ]);
    const data = {
      'vehicle.vehicle.travelledDistance': { value: '48260', unit: 'km', timestamp },
      'vehicle.electricalSystem.battery.stateOfCharge': { value: null, unit: '%', timestamp: null },
      'vehicle.chassis.axle.row2.wheel.left.tire.pressure': { value: '-NA-', unit: 'kPa', timestamp },
      'vehicle.status.conditionBasedServices': { value: services, unit: null, timestamp },
      'vehicle.something.new.in.2027': { value: 'x', unit: 'furlong', timestamp },
      'vehicle.silent': { unit: 'km' },
    };
    const parsed = api.parseRead('telematics', JSON.stringify({ telematicData: data }));
    const at = Date.parse(timestamp);
    expect(parsed).toEqual({
      ok: true,
      value: {
        next: null,
        values: {
          'vehicle.vehicle.travelledDistance': { state: 'value', value: '48260', unit: 'km', at },
          'vehicle.electricalSystem.battery.stateOfCharge': {
            state: 'null',
            value: null,
            unit: '%',
            at: null,
          },
          'vehicle.chassis.axle.row2.wheel.left.tire.pressure': {
            state: 'not-available',
            value: null,
            unit: 'kPa',
            at,
          },
          'vehicle.status.conditionBasedServices': {
            state: 'value',
            value: [{ id: 2, title: 'Front brake', unitOfLengthRemaining: '2100', date: 'null' }],
            unit: null,
            at,
          },
          'vehicle.something.new.in.2027': { state: 'value', value: 'x', unit: 'furlong', at },
        },
      },
      leftOut: { count: 1, malformed: 1, problem: 'telematicData.vehicle.silent has no value' },
    });
    const list = Object.entries(data).map(([name, entry]) => ({ name, ...entry }));
    expect(api.parseRead('telematics', JSON.stringify({ telematicData: list }))).toEqual(parsed);
  });

  test('an empty container answers nothing; what is no answer is a problem', () => {
    expect(api.parseRead('telematics', '{"telematicData":{}}')).toMatchObject({
      ok: true,
      value: { values: {} },
    });
    expect(api.parseRead('telematics', '{"telematicData":null}')).toMatchObject({ ok: true });
    for (const body of ['[]', '{}', '{"telematicData":7}', '', 'x']) {
      expect(api.parseRead('telematics', body)).toMatchObject({ ok: false });
    }
  });

  test('basic data, as an object or a list of one', () => {
    const body = { brand: 'BMW', hasNavi: false, engine: null, driveTrain: 'CONV', later: { a: 1 } };
    for (const text of [JSON.stringify(body), JSON.stringify([body])]) {
      expect(api.parseRead('basic-data', text)).toMatchObject({
        ok: true,
        value: {
          values: {
            brand: { state: 'value', value: 'BMW' },
            hasNavi: { state: 'value', value: false },
            engine: { state: 'null' },
            later: { state: 'value', value: { a: 1 } },
          },
        },
      });
    }
  });

  test('pages and their tokens, under either name; the last has none', () => {
    const page = (more: object) =>
      api.parseRead('charging-history', JSON.stringify({ data: [{ startTime: 1 }], ...more }));
    expect(page({ nextToken: 't' })).toMatchObject({ value: { records: [{ startTime: 1 }], next: 't' } });
    expect(page({ next_token: 't' })).toMatchObject({ value: { next: 't' } });
    for (const last of [{}, { nextToken: null }, { nextToken: '' }])
      expect(page(last)).toMatchObject({ value: { next: null } });
    expect(api.parseRead('charging-history', '[]')).toMatchObject({
      ok: true,
      value: { records: [], next: null },
    });
    expect(api.parseRead('charging-settings', '')).toMatchObject({ ok: true, value: { records: [] } });
    expect(api.parseRead('charging-history', '{"data":[1,2]}')).toMatchObject({ ok: false });
  });

  test('a picture is recognised by what it is', () => {
    expect(api.parseRead('image', 'iVBORw0KGgoAAAA=')).toMatchObject({
      ok: true,
      value: { document: { contentType: 'image/png', base64: 'iVBORw0KGgoAAAA=' } },
    });
    for (const body of ['', '{"url":"x"}', 'PGh0bWw+', 'iVBORw0KGgo<>'])
      expect(api.parseRead('image', body)).toMatchObject({ ok: false });
  });

  test('no body makes any read throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), (body) => {
        for (const { name } of api.reads) expect(typeof api.parseRead(name, body).ok).toBe('boolean');
        expect(typeof api.parseVehicles(body).ok).toBe('boolean');
        expect(typeof api.resource?.parseList(body).ok).toBe('boolean');
      }),
    );
  });
});

describe('containers', () => {
  const { resource } = api;
  if (!resource) throw new Error('no containers');
  const nameOf = (one: CarDataAccount) =>
    JSON.parse(cardataVehicles(one).resource?.create().body ?? '{}').name;

  test('ours is known again by its name, in whatever order its values stand; others of ours are stale', () => {
    const name = nameOf(account());
    expect(name).toMatch(/^sluice-[0-9a-f]{12}$/);
    expect(nameOf(account({ descriptors: ['vehicle.b', 'vehicle.a'] }))).toBe(
      nameOf(account({ descriptors: ['vehicle.a', 'vehicle.b', 'vehicle.a'] })),
    );
    const list = [
      { containerId: '1', name, state: 'ACTIVE' },
      { containerId: '2', name: 'sluice-0123456789ab' },
      { containerId: '3', name: 'sluice-mine' },
      { containerId: '4', name, state: 'INACTIVE' },
      { containerId: '5' },
    ];
    expect(resource.parseList(JSON.stringify({ containers: list }))).toMatchObject({
      ok: true,
      value: [
        { id: '1', kind: 'ours' },
        { id: '2', kind: 'stale' },
        { id: '3', kind: 'foreign' },
        { id: '4', kind: 'stale' },
        { id: '5', kind: 'foreign' },
      ],
    });
    for (const none of ['{"containers":[]}', '{"containers":null}', '[]', ''])
      expect(resource.parseList(none)).toEqual({ ok: true, value: [] });
  });

  test('made, removed, gone', () => {
    expect(resource.parseCreate('{"containerId":"S1","name":"x"}')).toEqual({ ok: true, value: 'S1' });
    expect(resource.parseCreate('{}')).toMatchObject({ ok: false });
    expect(resource.remove('S/1')).toMatchObject({
      method: 'DELETE',
      url: expect.stringContaining('/containers/S%2F1'),
    });
    expect([resource.isGone('CU-105'), resource.isGone('CU-104'), resource.isGone(undefined)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
