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
])('an expired token is recognised in %j', (body) => {
  const call = { vendor: 'gps51', account: 'main', operation: 'lastposition', attributes: {} };
  const response = { status: 200, headers: {}, body: JSON.stringify(body) };
  expect(classifyGps51(call, { kind: 'response', response }, AT, 'Asia/Shanghai')).toMatchObject({
    kind: 'auth',
    reason: 'expired',
  });
});
