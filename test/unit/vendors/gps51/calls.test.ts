import { createHash } from 'node:crypto';
import type { CommandForm } from '../../../../vendors/capabilities/commands';
import { gps51Commands, gps51EndUsers, gps51Fleet, gps51Login } from '../../../../vendors/gps51/calls';
import { gps51AccountSchema } from '../../../../vendors/gps51/settings';
import type { HttpRequest } from '../../../../vendors/http';
import { accountParts } from '../../../../vendors/registry';

const account = (more: object = {}) =>
  gps51AccountSchema.parse({ vendor: 'gps51', username: 'fleet', password: 'env:P', ...more });
const api = gps51Fleet(account());
const sent = ({ url, body }: HttpRequest) => ({ url, body: JSON.parse(body ?? '') });

const FROM = Date.UTC(2026, 10, 23, 16);
const TO = Date.UTC(2026, 10, 24, 16);
const URL_OF = (action: string) => `https://api.gps51.com/openapi?action=${action}`;

describe('login', () => {
  const secrets = { password: 'pässword' };
  const md5 = createHash('md5').update('pässword').digest('hex');

  test('sends the MD5 of the password, and the password nowhere', () => {
    const request = gps51Login(account()).request(secrets, 0);
    expect(sent(request)).toEqual({
      url: URL_OF('login'),
      body: { type: 'USER', from: 'web', username: 'fleet', password: md5, browser: 'Sluice' },
    });
    expect(JSON.stringify(request)).not.toContain('pässword');
  });

  test('names the account’s secret, the lifetime that is assumed, and a device where it is one', () => {
    const login = gps51Login(account({ tokenHours: 2, loginType: 'DEVICE' }));
    expect(login.credentials).toEqual({ password: 'env:P' });
    expect(sent(login.request(secrets, 0)).body).toMatchObject({ type: 'DEVICE' });
    expect(login.parse('{"status":0,"token":"t","serverid":"1"}')).toEqual({
      ok: true,
      value: { accessToken: '{"token":"t","serverid":"1"}', expiresInMs: 7_200_000 },
    });
  });

  test('of an end user is made with that user’s own name and password', () => {
    const userAuth = gps51EndUsers(account());
    expect(sent(userAuth.login('ada', 'pässword', 0)).body).toMatchObject({ username: 'ada', password: md5 });
    expect(sent(userAuth.devices('ada'))).toEqual({
      url: URL_OF('querymonitorlist'),
      body: { username: 'ada' },
    });
    expect(userAuth.parseLogin('{"status":0,"token":"t"}').ok).toBe(true);
  });
});

describe('the token', () => {
  test('goes into the URL, with the server that gave it', () => {
    const request = api.authorize(api.devices(), '{"token":"a&b","serverid":"3"}');
    expect(request.url).toBe(`${URL_OF('querymonitorlist')}&token=a%26b&serverid=3`);
    expect(request.body).toBe(api.devices().body);
  });

  test('goes alone where no server is named', () => {
    expect(api.authorize(api.devices(), '{"token":"t","serverid":""}').url).toBe(
      `${URL_OF('querymonitorlist')}&token=t`,
    );
  });
});

test('a white-labelled platform keeps its path and its own parameters', () => {
  const { url } = gps51Fleet(account({ baseUrl: 'https://gps.example.com/api/webapi?brand=7' })).devices();
  expect(url).toBe('https://gps.example.com/api/webapi?brand=7&action=querymonitorlist');
});

describe('positions', () => {
  test('of the whole fleet are one call', () => {
    expect(sent(api.positions(['a', 'b'], null))).toEqual({
      url: URL_OF('lastposition'),
      body: { username: 'fleet', deviceids: ['a', 'b'], lastquerypositiontime: 0 },
    });
  });

  test.each([
    ['1795494600000', 1_795_494_600_000],
    ['', 0],
    ['opaque', 'opaque'],
  ])('the cursor %j goes back as it came', (cursor, value) => {
    expect(sent(api.positions([], cursor)).body.lastquerypositiontime).toBe(value);
  });
});

test.each([
  ['querytrips', api.trips('868120', { from: FROM, to: TO })],
  ['querytracks', api.track('868120', { from: FROM, to: TO })],
])('%s names its span by the vendor’s clock, and the zone with it', (action, request) => {
  expect(sent(request)).toEqual({
    url: URL_OF(action),
    body: {
      deviceid: '868120',
      begintime: '2026-11-24 00:00:00',
      endtime: '2026-11-25 00:00:00',
      timezone: 8,
    },
  });
});

test('a span is widened to whole seconds, never narrowed', () => {
  expect(sent(api.trips('x', { from: FROM + 1, to: TO + 1 })).body).toMatchObject({
    begintime: '2026-11-24 00:00:00',
    endtime: '2026-11-25 00:00:01',
  });
});

describe('commands', () => {
  const commands = gps51Commands(account());
  const [direct, queued] = commands.forms as [CommandForm, CommandForm];
  const command = { deviceId: '868120', code: 'TYPE_SERVER_UNLOCK_CAR', params: ['1'] };
  const body = { deviceid: '868120', cmdcode: 'TYPE_SERVER_UNLOCK_CAR', params: ['1'], state: -1 };

  test('carry the command password where there is one', () => {
    expect(direct.operation(command)).toBe('sendcmd');
    expect(sent(direct.request(command, null))).toEqual({ url: URL_OF('sendcmd'), body });
    expect(queued.operation(command)).toBe('sendcommand');
    expect(sent(queued.request(command, 'secret'))).toEqual({
      url: URL_OF('sendcommand'),
      body: { ...body, cmdpwd: 'secret' },
    });
    expect(commands.password).toBeNull();
    expect(gps51Commands(account({ commandPassword: 'vault:c' })).password).toBe('vault:c');
  });

  test('are polled by their id', () => {
    expect(sent(commands.results.request('77', '868120'))).toEqual({
      url: URL_OF('querycommand'),
      body: { commandid: '77' },
    });
    expect(queued.parse('{"status":0,"commandid":77}', command)).toEqual({
      ok: true,
      value: { commandId: '77' },
    });
    expect(commands.results.parse('{"status":0}', '77', '868120')).toMatchObject({
      value: { outcome: 'pending' },
    });
    expect(direct.parse('{"status":0}', command)).toMatchObject({
      value: { result: { outcome: 'success' } },
    });
  });

  test('"no such action" is what sends them by the other way', () => {
    expect(['8901', '8906', undefined].map((code) => direct.isUnsupported(code))).toEqual([
      true,
      false,
      false,
    ]);
  });
});

test('an account has a login, a fleet and rules of its own zone', () => {
  const parts = accountParts(account({ zone: 'Africa/Lagos', egressIp: 'office', timeoutSeconds: 5 }));
  expect(parts.fleet).toMatchObject({
    attributes: { egressIp: 'office' },
    timeoutMs: 5000,
    maxSpanMs: 86_400_000,
  });
  expect(parts.login?.operation).toBe('login');
  const zones = parts.rules?.limits.flatMap(({ window }) =>
    window.kind === 'calendar' ? [window.zone] : [],
  );
  expect(zones).toEqual(['Africa/Lagos', 'Africa/Lagos', 'Africa/Lagos', 'Africa/Lagos']);
});
