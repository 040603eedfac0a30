import { parseSettings } from '../../../../settings';
import { findAccount } from '../../../../settings/accounts/accounts';
import { mybmwCommands, mybmwVehicles } from '../../../../vendors/bmw-mybmw/calls';
import { parseEventPosition, parseEventStatus } from '../../../../vendors/bmw-mybmw/events';
import { mybmwIdentity } from '../../../../vendors/bmw-mybmw/requests';
import { type MyBmwAccount, mybmwAccountSchema } from '../../../../vendors/bmw-mybmw/settings';

const VIN = 'WBA00000000DEMO01';
const account = (given: object = {}): MyBmwAccount =>
  mybmwAccountSchema.parse({ vendor: 'bmw-mybmw', ...given });

describe('settings', () => {
  test('lead to the region’s servers, and a server of one’s own is asked for everything', () => {
    expect(mybmwVehicles(account()).vehicles().url).toBe(
      'https://cocoapi.bmwgroup.com/eadrax-vcs/v5/vehicle-list',
    );
    expect(mybmwVehicles(account({ region: 'na' })).vehicles().url).toMatch('https://cocoapi.bmwgroup.us/');
    expect(mybmwVehicles(account({ baseUrl: 'http://127.0.0.1:7/x/' })).vehicles().url).toMatch(
      'http://127.0.0.1:7/x/eadrax-vcs',
    );
    const paths = { vehicleList: '/eadrax-vcs/v6/vehicle-list' };
    expect(mybmwVehicles(account({ paths })).vehicles().url).toMatch(/v6\/vehicle-list$/);
  });

  test('come from the platform’s variables, which win over the file', () => {
    const yaml = 'accounts: { a: { vendor: bmw-mybmw, userAgentPrefix: file } }';
    const read = (env: Record<string, string>) =>
      findAccount(parseSettings(yaml, { file: null, baseDir: '/', env }), 'a');
    expect(read({}).identity?.name({ id: 'f0' })).toBe('file/f0');
    const given = read({ BMW_USER_AGENT_PREFIX: 'env', BMW_QUOTA_MAX_PAUSE: '20' });
    expect(given.identity?.name({ id: 'f0' })).toBe('env/f0');
    expect(given.organization).toMatchObject({
      key: 'bmw-mybmw/organization/env%2Frow',
      policy: { unknownQuotaMs: 20_000, unknownQuotaMaxMs: 20_000 },
    });
    expect(() => read({ BMW_USER_AGENT_PREFIX: 'a\nb: c' })).toThrow(/BMW_USER_AGENT_PREFIX.*visible ASCII/);
    expect(() => read({ BMW_QUOTA_MAX_PAUSE: 'soon' })).toThrow(/BMW_QUOTA_MAX_PAUSE/);
  });

  test.each(['', ' a', 'a ', 'a\nb: c', 'ä', 'a  b', 'x'.repeat(101)])(
    'the user agent %j is no header',
    (userAgentPrefix) => {
      expect(() => account({ userAgentPrefix })).toThrow('visible ASCII');
    },
  );
});

test('a request says whose deployment it is of, and has a correlation id of its own', () => {
  const { name, identify } = mybmwIdentity(account({ userAgentPrefix: 'android(v1);bmw' }));
  const deployment = { id: '0123456789abcdef' };
  expect(name(deployment)).toBe('android(v1);bmw/0123456789abcdef');
  const [one, two] = [0, 1].map(() => identify(mybmwVehicles(account()).vehicles(), deployment).headers);
  expect(one).toMatchObject({ 'x-user-agent': name(deployment), 'x-identity-provider': 'gcdm' });
  expect(one?.['x-correlation-id']).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(one?.['bmw-correlation-id']).toBe(one?.['x-correlation-id']);
  expect(two?.['x-correlation-id']).not.toBe(one?.['x-correlation-id']);
  expect(two?.['bmw-session-id']).toBe(one?.['bmw-session-id']);
});

describe('vehicles', () => {
  const api = mybmwVehicles(account());
  const mapping = (vin: unknown, more: object = {}) => ({
    vin,
    mappingStatus: 'CONFIRMED',
    isPrimaryUser: true,
    ...more,
  });
  const list = (mappingInfos: unknown) => JSON.stringify({ gcid: 'g', mappingInfos });

  test('are those of the list; what is none is left out', () => {
    const body = list([
      mapping(VIN),
      mapping('WMW00000000MINI02', { mappingStatus: 'PENDING' }),
      mapping('short'),
      null,
    ]);
    expect(api.parseVehicles(body)).toEqual({
      ok: true,
      value: [
        expect.objectContaining({ vehicleId: VIN, readable: true, driveTrain: null }),
        expect.objectContaining({ vehicleId: 'WMW00000000MINI02', readable: false }),
      ],
      leftOut: {
        count: 2,
        malformed: 2,
        problem: expect.stringContaining('mappingInfos[2].vin: must be a VIN'),
      },
    });
    expect(api.parseVehicles(list(mapping(VIN)))).toMatchObject({ ok: true, value: [{ vehicleId: VIN }] });
    expect(api.parseVehicles(list(mapping(VIN.toLowerCase())))).toMatchObject({
      value: [{ vehicleId: VIN }],
    });
    expect(api.parseVehicles(list([]))).toEqual({ ok: true, value: [] });
    expect(api.parseVehicles('{}')).toEqual({ ok: false, problem: 'mappingInfos: must be a list' });
    expect(api.parseVehicles(list(['x'])).ok).toBe(false);
  });

  test.each([
    ['BMW', 'COMBUSTION', 'BMW', 'combustion'],
    ['BMW', 'MILD_HYBRID', 'BMW', 'combustion'],
    ['BMW', 'PLUGIN_HYBRID', 'BMW', 'plug-in hybrid'],
    ['BMW_I', 'ELECTRIC', 'BMW', 'electric'],
    ['BMW_I', 'ELECTRIC_WITH_RANGE_EXTENDER', 'BMW', 'plug-in hybrid'],
    ['MINI', 'ELECTRIC', 'MINI', 'electric'],
    ['DRITTKUNDE', 'COMBUSTION', 'Toyota', 'combustion'],
    ['ALPINA', 'HYDROGEN', 'ALPINA', 'other'],
    ['constructor', 'COMBUSTION', 'constructor', 'combustion'],
  ])('%s with %s are %s, %s', (said, driveTrain, brand, known) => {
    const body = JSON.stringify({ brand: said, driveTrain, model: 'X', year: 2024 });
    const read = api.parseRead('profile', body);
    if (!read.ok) throw new Error(read.problem);
    expect(api.describe?.('profile', read.value)).toEqual({ brand, model: 'X', driveTrain: known });
    expect(api.describe?.('state', read.value)).toBeNull();
  });

  test('are asked about by a header', () => {
    const state = api.read('state', { vehicleId: VIN, params: {}, resource: null, next: null });
    expect(state).toMatchObject({ method: 'GET', headers: { 'bmw-vin': VIN } });
    expect(state.url).toMatch(/\/eadrax-vcs\/v4\/vehicles\/state\?apptimezone=0&appDateTime=\d{13}$/);
    expect(api.vehicleIdProblem(VIN.toLowerCase())).toMatch('VIN');
    expect(api.vehicleIdProblem(VIN)).toBeNull();
  });

  test('may say things by names that every object has', () => {
    const read = api.parseRead('state', '{"constructor":1,"toString":"x"}');
    const plain = { state: 'value', unit: null, at: null };
    expect(read).toMatchObject({
      ok: true,
      value: { values: { constructor: { ...plain, value: 1 }, toString: { ...plain, value: 'x' } } },
    });
  });

  test('say what they say by path, with units, times and the three states', () => {
    const body = {
      state: {
        lastUpdatedAt: '2026-11-24T10:00:00Z',
        currentMileage: 137_009,
        electricChargingState: { chargingLevelPercent: 82, chargingTarget: null, chargingStatus: '-NA-' },
        requiredServices: [{ type: 'OIL' }],
        roofState: {},
      },
    };
    const at = Date.UTC(2026, 10, 24, 10);
    const read = api.parseRead('state', JSON.stringify(body));
    expect(read).toMatchObject({
      ok: true,
      value: {
        values: {
          'state.currentMileage': { state: 'value', value: 137_009, unit: 'km', at },
          'state.electricChargingState.chargingLevelPercent': { state: 'value', value: 82, unit: '%', at },
          'state.electricChargingState.chargingTarget': { state: 'null', value: null, at },
          'state.electricChargingState.chargingStatus': { state: 'not-available', value: null, at },
          'state.requiredServices': { state: 'value', value: [{ type: 'OIL' }] },
          'state.roofState': { state: 'value', value: {} },
        },
        next: null,
      },
    });
    const never = JSON.stringify({ state: { lastUpdatedAt: '0001-01-01T00:00:00Z', range: 1 } });
    expect(api.parseRead('state', never)).toMatchObject({
      value: { values: { 'state.range': { at: null } } },
    });
    expect(api.parseRead('state', '[]').ok).toBe(false);
  });
});

describe('commands', () => {
  const api = mybmwCommands(account());
  const [form] = api.forms;
  const request = (code: string, params: string[] = []) =>
    form?.request({ deviceId: VIN, code, params }, null);
  const REMOTE = 'https://cocoapi.bmwgroup.com/eadrax-vrccs/v4/presentation/remote-commands';

  test.each([
    ['lock', [], `${REMOTE}/door-lock`],
    ['unlock', [], `${REMOTE}/door-unlock`],
    ['flash', [], `${REMOTE}/light-flash`],
    ['horn', [], `${REMOTE}/horn-blow`],
    ['climate', ['stop'], `${REMOTE}/climate-now?action=STOP`],
    ['finder', [], `${REMOTE}/vehicle-finder`],
  ])('%s %j', (code, params, url) => {
    expect(request(code, params)).toMatchObject({
      method: 'POST',
      url,
      headers: { 'bmw-vin': VIN },
      body: '{}',
    });
  });

  test('charging is started and stopped by the vehicle’s address', () => {
    const base = `https://cocoapi.bmwgroup.com/eadrax-crccs/v1/vehicles/${VIN}`;
    expect(request('start-charging')?.url).toBe(`${base}/start-charging`);
    expect(request('stop-charging')?.url).toBe(`${base}/stop-charging`);
    expect(request('stop-charging')?.headers).not.toHaveProperty('bmw-vin');
  });

  const LOCK = { deviceId: VIN, code: 'lock', params: [] };

  test('locks are never sent twice, and each has an id to ask by', () => {
    const never = api.known?.filter(({ repeat }) => repeat === 'never').map(({ code }) => code);
    expect(never).toEqual(['lock', 'unlock']);
    expect(form?.parse('{"eventId":"e-1","creationTime":"x"}', LOCK)).toEqual({
      ok: true,
      value: { commandId: 'e-1' },
    });
    expect(form?.parse('{}', LOCK)).toMatchObject({ ok: false, problem: expect.stringContaining('eventId') });
    expect(api.results.request('e 1', VIN).url).toMatch(
      /\/v3\/presentation\/remote-commands\/eventStatus\?eventId=e\+1$/,
    );
    expect(api.results.polling).toEqual({ firstMs: 3500, factor: 1, maxMs: 3500, longestMs: 240_000 });
  });

  test.each([
    ['INITIATED', 'pending', 'initiated'],
    ['PENDING', 'pending', 'pending'],
    ['DELIVERED', 'pending', 'delivered'],
    ['EXECUTED', 'success', 'executed'],
    ['ERROR', 'failure', 'error'],
    ['IGNORED', 'failure', 'ignored'],
    ['UNKNOWN', 'unknown', 'unknown'],
    ['EXPLODED', 'unknown', 'unrecognised'],
  ])('%s is %s: %s', (eventStatus, outcome, name) => {
    const parsed = parseEventStatus(JSON.stringify({ eventStatus, details: 'words' }), 'e-1');
    expect(parsed).toEqual({ ok: true, value: { outcome, name, code: eventStatus, message: 'words' } });
  });

  test('a status that is none is a problem', () => {
    for (const body of ['', '{}', '{"eventStatus":7}']) expect(parseEventStatus(body, 'e-1').ok).toBe(false);
    const other = '{"eventId":"e-2","eventStatus":"EXECUTED"}';
    expect(parseEventStatus(other, 'e-1')).toMatchObject({ problem: expect.stringContaining('e-2') });
    expect(parseEventStatus(other, 'e-2').ok).toBe(true);
  });

  test('what the finder has found is asked for once it was carried out, by whoever is near', () => {
    const ask = (given: object = {}) =>
      mybmwCommands(account(given)).results.finding?.request('e 1', VIN) ?? { url: '', headers: {} };
    expect(api.results.finding?.of).toEqual(['finder']);
    expect(ask().url).toBe(`${REMOTE}/eventPosition?eventId=e+1`);
    expect(ask().headers).not.toHaveProperty('latitude');
    expect(ask({ observer: { latitude: 48.1, longitude: -11.5 } }).headers).toMatchObject({
      latitude: '48.1',
      longitude: '-11.5',
    });
    expect(() => account({ observer: { latitude: 91, longitude: 0 } })).toThrow('from -90 to 90');
  });

  test.each([
    [
      {
        status: 'OK',
        position: { latitude: 12.345, longitude: 34.5, formattedAddress: 'Here 1', heading: 121 },
      },
      null,
      'it is at 12.345, 34.5, heading 121° (Here 1)',
    ],
    [{ status: 'OK', position: { latitude: 0, longitude: 0 } }, null, 'it is at 0, 0'],
    [null, { title: 'Unknown position', description: 'none' }, /does not say: Unknown position: none$/],
    [{ status: 'DRIVER_DISABLED', position: null }, null, /does not say: DRIVER_DISABLED$/],
    [undefined, undefined, /the vendor does not say$/],
  ])('a position %j, or why there is none', (positionData, errorDetails, value) => {
    expect(parseEventPosition(JSON.stringify({ positionData, errorDetails }))).toEqual({
      ok: true,
      value: value instanceof RegExp ? expect.stringMatching(value) : value,
    });
  });

  test('a position that is none is a problem', () => {
    const position = { latitude: 'north', longitude: 1 };
    for (const body of ['', '[]', JSON.stringify({ positionData: { position } })])
      expect(parseEventPosition(body).ok).toBe(false);
  });
});
