import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { parseSettings, SettingsError } from '../../../../settings';
import { findAccount } from '../../../../settings/accounts/accounts';
import { cardataVehicles } from '../../../../vendors/bmw-cardata/calls';
import { cardataGrant } from '../../../../vendors/bmw-cardata/login';
import { type CarDataAccount, cardataAccountSchema } from '../../../../vendors/bmw-cardata/settings';
import { cardataStream } from '../../../../vendors/bmw-cardata/stream';

const VIN = 'WBATEST00SLUC0001';
const account = (more: object = {}): CarDataAccount =>
  cardataAccountSchema.parse({ vendor: 'bmw-cardata', clientId: 'client-0001', ...more });
const api = cardataVehicles(account());
const request = (more: object = {}) => ({ vehicleId: VIN, params: {}, resource: null, next: null, ...more });

describe('settings', () => {
  const parse = (more: object) =>
    parseSettings(
      JSON.stringify({ accounts: { car: { vendor: 'bmw-cardata', clientId: 'client-0001', ...more } } }),
      {
        file: null,
        baseDir: '/',
        env: {},
      },
    );

  test('a probe is waited for as long as a read may take', () => {
    const settings = parse({ timeoutSeconds: 500 });
    const longest = settings.http.connectTimeoutMs + 500_000;
    expect(findAccount(settings, 'car').pool.probeTimeoutMs).toBeGreaterThan(longest);
  });

  test('an id token goes over the network in no clear text', () => {
    const stream = (url: string) => () => parse({ stream: { url } });
    expect(stream('mqtts://stream.example.com:9000')).not.toThrow();
    expect(stream('mqtt://127.0.0.1:1883')).not.toThrow();
    expect(stream('mqtt://localhost:1883')).not.toThrow();
    for (const url of ['mqtt://stream.example.com:9000', 'mqtt://127.0.0.1.example.com', 'https://x', 'x']) {
      expect(stream(url)).toThrow('must be an mqtts:// URL');
    }
  });

  test('a client id and nothing else; the day’s limit leaves a reserve to people', () => {
    const { limits, pool } = findAccount(parse({}), 'car');
    expect(limits).toMatchObject([
      {
        name: 'calls-per-day',
        window: { kind: 'calendar', count: 50, per: 'day', zone: 'UTC' },
        reserve: { background: 0.2, scheduled: 0.2, live: 0.2 },
      },
    ]);
    expect(pool).toMatchObject({ unknownQuotaMaxMs: 300_000, breakerFailures: 5, breakerOpenMs: 60_000 });
    const rolling = findAccount(parse({ quotaWindow: 'rolling', interactiveCalls: 5 }), 'car');
    expect(rolling.limits).toMatchObject([
      { window: { kind: 'rolling', count: 50, ms: 86_400_000 }, reserve: { scheduled: 0.1 } },
    ]);
  });

  test('BMW_QUOTA_MAX_PAUSE caps a pause of unknown length, the first one too', () => {
    const accounts = { car: { vendor: 'bmw-cardata', clientId: 'client-0001' } };
    const withPause = (text: string) =>
      parseSettings(JSON.stringify({ accounts }), {
        file: null,
        baseDir: '/',
        env: { BMW_QUOTA_MAX_PAUSE: text },
      });
    expect(findAccount(withPause('120'), 'car').pool).toMatchObject({
      unknownQuotaMs: 30_000,
      unknownQuotaMaxMs: 120_000,
    });
    expect(findAccount(withPause('7'), 'car').pool).toMatchObject({
      unknownQuotaMs: 7000,
      unknownQuotaMaxMs: 7000,
    });
    expect(() => withPause('long')).toThrow(/BMW_QUOTA_MAX_PAUSE: must be a number of seconds/);
  });

  test.each([
    [{ clientId: 'a b' }, 'accounts.car.clientId: must be the id of a client'],
    [{ quotaWindow: 'day' }, 'accounts.car.quotaWindow: must be midnight or rolling'],
    [{ interactiveCalls: 50 }, 'accounts.car.interactiveCalls: must be a whole number of calls from 0 to 49'],
    [{ descriptors: ['../x'] }, 'accounts.car.descriptors[0]: must be a list of names such as'],
    [{ baseUrl: 'ftp://x' }, 'accounts.car.baseUrl: must be an http:// or https:// URL'],
    [{ staleness: { telemetry: 5 } }, 'accounts.car.staleness'],
  ])('%j', (more, what) => {
    const reported = () => {
      try {
        parse(more);
        return '';
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        return error.problems.map((one) => `${one.where}: ${one.what}`).join('\n');
      }
    };
    expect(reported()).toContain(what);
  });
});

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

describe('the login', () => {
  const grant = cardataGrant(account({ loginUrl: 'http://127.0.0.1:1' }));
  const { login } = grant;
  if (login.kind !== 'device-code') throw new Error('no device code');
  const verifier = 'v'.repeat(43);
  const proof = { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };

  test('asks for a code with a proof key and the scopes, and polls with the verifier', () => {
    const start = login.start(proof, {});
    expect(start).toMatchObject({ method: 'POST', url: 'http://127.0.0.1:1/gcdm/oauth/device/code' });
    expect(Object.fromEntries(new URLSearchParams(start.body))).toEqual({
      client_id: 'client-0001',
      response_type: 'device_code',
      scope: 'authenticate_user openid cardata:api:read cardata:streaming:read',
      code_challenge: proof.challenge,
      code_challenge_method: 'S256',
    });
    expect(Object.fromEntries(new URLSearchParams(login.poll('dc', proof, {}).body))).toEqual({
      client_id: 'client-0001',
      device_code: 'dc',
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      code_verifier: verifier,
    });
  });

  test('a client id by reference comes with the secrets', () => {
    const byRef = cardataGrant(account({ clientId: 'env:BMW_CLIENT' }));
    expect(byRef.credentials).toEqual({ clientId: 'env:BMW_CLIENT' });
    expect(byRef.refresh('r', { clientId: 'real' }).body).toBe(
      'grant_type=refresh_token&refresh_token=r&client_id=real',
    );
    expect(grant.credentials).toEqual({});
  });

  test('a code, with the RFC’s interval where none is stated', () => {
    const body = {
      device_code: 'd',
      user_code: 'AB-CD',
      verification_uri: 'https://x/y',
      verification_uri_complete: 'https://x/y?user_code=AB-CD',
      expires_in: 300,
    };
    expect(login.parseStart(JSON.stringify(body))).toEqual({
      ok: true,
      value: {
        deviceCode: 'd',
        userCode: 'AB-CD',
        url: 'https://x/y?user_code=AB-CD',
        intervalMs: 5000,
        expiresInMs: 300_000,
      },
    });
    for (const fault of [
      { user_code: '' },
      { device_code: 7 },
      { verification_uri: 'javascript:x', verification_uri_complete: null },
    ]) {
      expect(login.parseStart(JSON.stringify({ ...body, ...fault }))).toMatchObject({ ok: false });
    }
  });

  test.each([
    [403, '{"error":"authorization_pending"}', 'pending'],
    [400, '{"error":"slow_down"}', 'slow-down'],
    [401, '{"error":"expired_token"}', 'expired'],
    [403, '{"error":"access_denied","error_description":"no"}', 'denied'],
    [403, '{"error":"other"}', 'other'],
    [403, '<html>', 'other'],
    [429, '', 'other'],
    [200, '{"access_token":"a","expires_in":3600,"refresh_token":"r"}', 'tokens'],
    [200, '{}', 'unreadable'],
    [200, '{"access_token":"a","expires_in":0,"refresh_token":"r"}', 'unreadable'],
    [200, '{"access_token":"a","expires_in":"3600","refresh_token":"r"}', 'tokens'],
    [200, '<html>sign in</html>', 'other'],
    [400, '{"error":"authorization_pending"}', 'pending'],
    [401, '[{"error":"AUTHORIZATION_PENDING"}]', 'pending'],
    [403, '{"error":{"code":"slow_down"}}', 'slow-down'],
    [400, 'error=slow_down&error_description=too+fast', 'slow-down'],
    [400, '{"errors":[{"error":"expired_token"}]}', 'expired'],
  ])('a poll answered by %i %s is %s', (status, body, kind) => {
    expect(login.judgePoll({ status, headers: {}, body })).toMatchObject({ kind });
  });
});

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
    ['', 'is empty'],
    ['not JSON', 'no JSON object'],
    ['[]', 'no JSON object'],
    [JSON.stringify({ vin: VIN }), 'data must be an object'],
    [JSON.stringify({ vin: VIN, data: [1] }), 'data must be an object'],
  ])('%j is reported', (payload, problem) => {
    expect(parse(`gcid/${VIN}`, payload)).toMatchObject({
      ok: false,
      problem: expect.stringContaining(problem),
    });
  });
});
