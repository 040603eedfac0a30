import { parseDevices } from '../../../../vendors/gps51/contract';
import { parseLogin } from '../../../../vendors/gps51/results';
import { timeOf, wireTime } from '../../../../vendors/gps51/time';

const AT = Date.UTC(2026, 10, 24, 4, 30);
const body = (value: unknown) => JSON.stringify({ status: 0, cause: 'OK', ...(value as object) });

const device = {
  deviceid: '868120',
  devicename: 'Van 1',
  devicetype: 1,
  simnum: '0803',
  lastactivetime: AT,
  overduetime: 0,
  isfree: 0,
};

describe('times', () => {
  test.each([
    [AT, AT],
    [String(AT), AT],
    ['2026-11-24 12:30:00', AT],
    ['2026-11-24T12:30:00.000', AT],
    [0, null],
    ['0', null],
    ['', null],
    [null, null],
    [undefined, null],
    // Whole seconds: as milliseconds they would be of 1970.
    [AT / 1000, AT],
    [String(AT / 1000), AT],
  ])('%j is %j: text is of the vendor’s clock, GMT+8', (value, expected) => {
    expect(timeOf(value)).toBe(expected);
  });

  test.each([
    [-1],
    ['9999999999999999'],
    [315_964_800_000],
    [true],
    ['yesterday'],
    ['2026-13-45 99:00:00'],
    [Number.NaN],
    [{}],
  ])('%j is no time, and says why', (value) => {
    expect(timeOf(value)).toEqual({ problem: expect.any(String) });
  });

  test('what is sent is read back as the same second', () => {
    expect(wireTime(AT)).toBe('2026-11-24 12:30:00');
    expect(timeOf(wireTime(AT + 999))).toBe(AT);
    expect(timeOf(wireTime(Date.UTC(2026, 11, 31, 20)))).toBe(Date.UTC(2026, 11, 31, 20));
  });
});

describe('querymonitorlist', () => {
  test('devices come from all groups, each once', () => {
    const groups = [
      { groupname: 'Lagos', devices: [device, { ...device, deviceid: 868121, isfree: '1' }] },
      { groupname: 'All', devices: [device] },
      { groupname: 'Empty', devices: null },
    ];
    expect(parseDevices(body({ groups }))).toEqual({
      ok: true,
      value: [
        {
          deviceId: '868120',
          name: 'Van 1',
          type: '1',
          sim: '0803',
          group: 'Lagos',
          lastActiveAt: AT,
          expiresAt: null,
          free: false,
        },
        expect.objectContaining({ deviceId: '868121', group: 'Lagos', free: true }),
      ],
    });
  });

  test('an id is all that a device needs: what is odd besides is taken for missing', () => {
    const odd = {
      overduetime: -1,
      lastactivetime: 'never',
      simnum: {},
      isfree: 'no',
      devicename: '粤B\u0000·1\ud800',
    };
    expect(parseDevices(body({ groups: [{ devices: [{ deviceid: 'x', ...odd }] }] }))).toEqual({
      ok: true,
      value: [
        {
          deviceId: 'x',
          name: '粤B·1\ufffd',
          type: '',
          sim: '',
          group: '',
          lastActiveAt: null,
          expiresAt: null,
          free: false,
        },
      ],
    });
  });

  test('groups may hold groups', () => {
    const inner = { groupname: 'inner', devices: [{ deviceid: 'b' }, { deviceid: 'a' }] };
    const groups = [
      { groupname: 'outer', devices: [{ deviceid: 'a' }], tags: ['x', 1], children: [inner] },
      {
        groupname: 'other',
        devices: null,
        groups: [{ groupname: 'deep', groups: [{ devices: [{ deviceid: 'c' }] }] }],
      },
    ];
    const parsed = parseDevices(body({ groups }));
    expect(parsed.ok && parsed.value.map(({ deviceId, group }) => [deviceId, group])).toEqual([
      ['a', 'outer'],
      ['b', 'inner'],
      ['c', ''],
    ]);
  });

  test('a device without more than its id is one', () => {
    expect(parseDevices(body({ groups: [{ devices: [{ deviceid: 'x' }] }] }))).toMatchObject({
      ok: true,
      value: [{ deviceId: 'x', name: '', group: '', lastActiveAt: null, expiresAt: null, free: false }],
    });
  });

  test('an account without devices has none', () => {
    expect(parseDevices(body({ groups: [] }))).toEqual({ ok: true, value: [] });
    expect(parseDevices(body({}))).toEqual({ ok: true, value: [] });
  });

  test.each(['[]', 'null', '<html>', '', '7'])('%j is no answer', (text) => {
    expect(parseDevices(text)).toEqual({ ok: false, problem: 'the body is not a JSON object' });
  });

  test('a group that is nothing costs the others none of their devices', () => {
    const groups = [null, { devices: [{ deviceid: 'x' }], groups: [null] }];
    expect(parseDevices(body({ groups }))).toMatchObject({ ok: true, value: [{ deviceId: 'x' }] });
  });

  test('groups of another shape are reported as such', () => {
    expect(parseDevices(body({ groups: 'none' }))).toMatchObject({ ok: false, problem: /^groups: / });
  });
});

describe('login', () => {
  test('token and server id are kept together', () => {
    const parsed = parseLogin(body({ token: 'abc', serverid: 3 }), 1000);
    expect(parsed).toEqual({
      ok: true,
      value: { accessToken: '{"token":"abc","serverid":"3"}', expiresInMs: 1000 },
    });
  });

  test('a login without a token is none, and the problem repeats nothing of it', () => {
    expect(parseLogin(body({ serverid: 'secret' }), 1000)).toEqual({
      ok: false,
      problem: 'login.token: must be text',
    });
    expect(parseLogin('', 1000).ok).toBe(false);
  });
});
