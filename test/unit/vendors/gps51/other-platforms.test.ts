/** Answers of white-labelled platforms under other names, in other words and wrappings: recognised or said. */
import { classifyGps51 } from '../../../../vendors/gps51/classify';
import { parseDevices, parseTrips } from '../../../../vendors/gps51/contract';

const AT = Date.UTC(2026, 10, 24, 4, 30);
const trip = { starttime: AT, endtime: AT + 600_000, tripdistance: 1000 };
const trips = (body: unknown) => parseTrips(JSON.stringify({ status: 0, ...(body as object) }), 'd1');
const devices = (groups: unknown) => parseDevices(JSON.stringify({ status: 0, groups }));

test('the only trip of a day whose end has another name is no trip without an end', () => {
  const one = { starttime: AT, tripdistance: 1000 };
  expect(trips({ totaltrips: [{ ...one, finishTime: AT + 600_000 }] })).toMatchObject({
    ok: true,
    value: { trips: [{ end: AT + 600_000 }], openSince: null },
  });
  expect(trips({ totaltrips: [{ ...one, overAt: AT + 600_000 }] })).toEqual({
    ok: false,
    problem: 'totaltrips[0].endtime: is missing, and there is overAt',
  });
  expect(trips({ totaltrips: [one] })).toMatchObject({ ok: true, value: { openSince: AT } });
});

test('a count under the name of the list is no list, and hides none', () => {
  expect(trips({ totaltrips: 0, records: [] })).toMatchObject({ ok: true, value: { trips: [] } });
  expect(trips({ totaltrips: 1, records: [trip] })).toMatchObject({ ok: true, value: { trips: [{}] } });
});

test('devices under another name are said, however few', () => {
  expect(devices([{ groupname: 'g', devicelist: [{ deviceid: 'a' }] }])).toEqual({
    ok: false,
    problem: 'groups: no devices, and there is devicelist (fields: deviceid)',
  });
  expect(devices([{ groupname: 'g', children: [{ groupname: 'h', units: [{ id: 'a' }] }] }])).toEqual({
    ok: false,
    problem: 'groups: no devices, and there is units (fields: id)',
  });
  expect(devices([{ groupname: 'g', devices: [{ deviceId: 'a' }] }])).toMatchObject({ ok: false });
  expect(devices([{ groupname: 'g', children: [{ groupname: 'h', devices: [] }] }])).toMatchObject({
    ok: true,
    value: [],
  });
});

test.each([
  [{ errno: 9903, errmsg: 'x' }],
  [{ retCode: 9903, retMsg: 'x' }],
  [{ Status: 9903, Cause: 'x' }],
  [{ status: 0, cause: 'OK', data: { status: 9903, cause: 'x' } }],
  [{ status: -5, cause: 'Your account is logged in elsewhere' }],
  [{ status: 1, cause: 'You have been signed out' }],
  [{ status: 'fail', message: 'Authentication required' }],
  [{ status: 2, cause: 'Phiên đăng nhập đã hết hạn' }],
  [{ status: 'TOKEN_EXPIRED' }],
  [{ status: 401, message: 'x' }],
])('an expired token is recognised in %j', (body) => {
  const call = { vendor: 'gps51', account: 'main', operation: 'lastposition', attributes: {} };
  const response = { status: 200, headers: {}, body: JSON.stringify(body) };
  expect(classifyGps51(call, { kind: 'response', response }, AT, 'Asia/Shanghai')).toMatchObject({
    kind: 'auth',
    reason: 'expired',
  });
});

test.each([
  ['lastposition', { status: 1, cause: 'daily call limit exceeded' }, 'quota'],
  ['lastposition', { status: 1, cause: 'api calls have been used up today' }, 'quota'],
  ['querytracks', { status: 1, cause: 'the span exceeds what is stored per day' }, 'invalid'],
  ['lastposition', { status: 429, message: 'x' }, 'rate'],
  ['lastposition', { status: 1, cause: '访问频率超限' }, 'rate'],
  ['lastposition', { code: 200, data: { status: 8902 } }, 'rate'],
  ['lastposition', { code: 200, message: 'success', data: { records: [] } }, 'ok'],
  ['lastposition', { code: 200, message: 'no such thing' }, 'invalid'],
  ['lastposition', { status: 503, message: 'x' }, 'server'],
  ['querytracks', { status: 1, cause: '系统繁忙，请稍后再试' }, 'server'],
  ['querytracks', { status: 1, cause: 'Another request is being processed' }, 'server'],
  ['querytracks', { status: 1, cause: 'the previous query has not finished' }, 'server'],
  ['querytracks', { status: -1, cause: 'database query timeout' }, 'server'],
  ['querytracks', { status: -1, cause: 'the end time out of range' }, 'invalid'],
  ['login', { status: 1, cause: 'system busy, try again later' }, 'server'],
  ['login', { status: 500, cause: 'x' }, 'server'],
  ['login', { status: 1, cause: 'username or password error' }, 'auth'],
  ['lastposition', { status: 1, cause: 'ip not in whitelist' }, 'blocked'],
  ['lastposition', { status: 1, cause: 'account is restricted' }, 'blocked'],
  ['querytracks', { status: 1, cause: 'this device is disabled for the user: forbidden' }, 'invalid'],
])('%s: %j says the same as the code of the page: %s', (operation, body, kind) => {
  const call = { vendor: 'gps51', account: 'main', operation, attributes: {} };
  const response = { status: 200, headers: {}, body: JSON.stringify(body) };
  expect(classifyGps51(call, { kind: 'response', response }, AT, 'Asia/Shanghai').kind).toBe(kind);
});

test('a command that the platform may have carried out is of unknown outcome', () => {
  const call = { vendor: 'gps51', account: 'main', operation: 'sendcmd', attributes: {} };
  const response = { status: 200, headers: {}, body: '{"status":500,"message":"x"}' };
  expect(classifyGps51(call, { kind: 'response', response }, AT, 'Asia/Shanghai')).toMatchObject({
    kind: 'server',
    ambiguous: true,
  });
});
