import { parseDevices, parsePositions, parseTrack, parseTrips } from '../../../../vendors/gps51/contract';
import { parseCommandResult, parseLogin, parseQueued } from '../../../../vendors/gps51/results';
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
const position = {
  deviceid: '868120',
  updatetime: AT,
  arrivedtime: AT + 900,
  callat: 6.5244,
  callon: 3.3792,
  speed: 41.5,
  course: 270,
  totaldistance: 150_000,
  status: 8902,
  strstatus: 'ACC on',
  alarm: 0,
  moving: 1,
};
const trip = {
  starttime: AT,
  endtime: AT + 1_200_000,
  tripdistance: 12_500,
  maxspeed: 85_000,
  averagespeed: 45_000,
  triptime: 1_100_000,
  slat: 6.5,
  slon: 3.3,
  elat: 6.4,
  elon: 3.4,
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

describe('lastposition', () => {
  const answer = (records: unknown, cursor: unknown = AT) =>
    parsePositions(body({ records, lastquerypositiontime: cursor }));

  test('a position, its bit mask untouched, and the cursor for the next call', () => {
    expect(answer([position])).toEqual({
      ok: true,
      value: {
        cursor: String(AT),
        positions: [
          {
            deviceId: '868120',
            at: AT,
            arrivedAt: AT + 900,
            latitude: 6.5244,
            longitude: 3.3792,
            speed: 41.5,
            course: 270,
            odometer: 150_000,
            status: 8902,
            statusText: 'ACC on',
            alarm: 0,
            moving: true,
          },
        ],
      },
    });
  });

  test('numbers may come as text, and a time as the vendor’s clock', () => {
    const texts = {
      ...position,
      callat: '6.5244',
      callon: ' 3.3792 ',
      speed: '41.5',
      totaldistance: '1.5e5',
      updatetime: '2026-11-24 12:30:00',
      arrivedtime: '',
      moving: '0',
    };
    const expected = {
      at: AT,
      latitude: 6.5244,
      longitude: 3.3792,
      odometer: 150_000,
      arrivedAt: null,
      moving: false,
    };
    expect(answer([texts])).toMatchObject({ ok: true, value: { positions: [expected] } });
  });

  test('what is optional may be missing', () => {
    const { deviceid, updatetime, callat, callon } = position;
    const expected = { speed: 0, odometer: null, arrivedAt: null, moving: null, status: 0, statusText: '' };
    expect(answer([{ deviceid, updatetime, callat, callon }])).toMatchObject({
      ok: true,
      value: { positions: [expected] },
    });
  });

  test('what a position can do without does not cost it, nor the others of the fleet', () => {
    const odd = {
      status: 1e20,
      alarm: 'SOS',
      speed: 'n/a',
      arrivedtime: 1e18,
      moving: {},
      strstatus: 'ACC\u0000 on',
    };
    const expected = {
      at: AT,
      status: 0,
      alarm: 0,
      speed: 0,
      arrivedAt: null,
      moving: null,
      statusText: 'ACC on',
    };
    expect(answer([{ ...position, ...odd }])).toEqual({
      ok: true,
      value: { cursor: String(AT), positions: [expect.objectContaining(expected)] },
    });
    expect(answer([{ ...position, status: 0.5 }])).toMatchObject({ value: { positions: [{ status: 0 }] } });
  });

  test('a byte order mark before the answer is passed over', () => {
    expect(parsePositions(`\ufeff${body({ records: [position] })}`)).toMatchObject({ ok: true });
  });

  test('nothing has changed: no records, and a cursor', () => {
    for (const records of [[], null, undefined]) {
      expect(answer(records)).toEqual({ ok: true, value: { cursor: String(AT), positions: [] } });
    }
  });

  test('without a cursor the next call asks for everything', () => {
    expect(answer([position], null)).toMatchObject({ ok: true, value: { cursor: '0' } });
  });

  test.each([
    [{ updatetime: 0 }, 'was never located'],
    [{ callat: 91 }, 'beyond ±90'],
    [{ callon: 'east' }, 'must be a number'],
    [{ deviceid: undefined }, 'deviceid: is missing'],
    [{ updatetime: 315_964_800_000 }, 'before the year 2000'],
    [{ updatetime: 1.7e18 }, 'after the year 3000'],
    [{ callat: 0, callon: '0.0' }, 'had no fix'],
    [{ callat: null, callon: '' }, 'had no fix'],
  ])('a record with %j is left out, counted, and its problem said; the others stay', (odd, problem) => {
    const parsed = answer([{ ...position, ...odd }, position]);
    expect(parsed).toMatchObject({ ok: true, value: { positions: [{ deviceId: '868120' }] } });
    expect(parsed).toMatchObject({ leftOut: { count: 1, problem: expect.stringContaining(problem) } });
    expect(parsed).toMatchObject({ leftOut: { problem: expect.stringMatching(/^records\[0\]/) } });
  });

  test('when none of several records parses, it is no answer', () => {
    const changed = { ...position, callat: undefined };
    expect(answer([changed, changed])).toMatchObject({
      ok: false,
      problem: /^none of 2 is usable: records\[0\]\.callat/,
    });
  });

  test('a fleet that was never located is in order, and empty', () => {
    const never = { deviceid: 'd', updatetime: 0, callat: 0, callon: 0 };
    expect(answer([never, never])).toMatchObject({
      ok: true,
      value: { positions: [] },
      leftOut: { count: 2, malformed: 0 },
    });
  });

  test.each([
    [{ updatetime: 0, callat: null, callon: null }],
    [{ updatetime: null, callat: '', callon: '', speed: {} }],
    [{}],
    [{ updatetime: AT, callat: null, callon: null }],
  ])('devices that report no place, with %j, are in order, whatever else they leave empty', (rest) => {
    const nowhere = { deviceid: 'd', ...rest };
    expect(answer([nowhere, nowhere])).toMatchObject({
      ok: true,
      value: { positions: [] },
      leftOut: { count: 2, malformed: 0 },
    });
  });

  test('records that are no list are reported as such', () => {
    expect(answer({})).toEqual({ ok: false, problem: 'records: must be a list' });
  });
});

test('querytracks: the records are those of the requested device', () => {
  const { deviceid: _, ...record } = position;
  expect(parseTrack(body({ records: [record] }), 'd1')).toMatchObject({
    ok: true,
    value: [{ deviceId: 'd1', at: AT }],
  });
  expect(parseTrack('', 'd1')).toMatchObject({ ok: false });
});

describe('querytrips', () => {
  const answer = (totaltrips: unknown) => parseTrips(body({ totaltrips }), 'd1');
  const reported = (trips: readonly object[], whole = true, openSince: number | null = null) => ({
    trips,
    whole,
    openSince,
  });

  test('a trip, in metres, metres an hour and milliseconds', () => {
    expect(answer([trip])).toEqual({
      ok: true,
      value: reported([
        {
          deviceId: 'd1',
          start: AT,
          end: AT + 1_200_000,
          distance: 12_500,
          maxSpeed: 85_000,
          averageSpeed: 45_000,
          duration: 1_100_000,
          startLatitude: 6.5,
          startLongitude: 3.3,
          endLatitude: 6.4,
          endLongitude: 3.4,
        },
      ]),
    });
  });

  test('a trip without a duration took from its start to its end; places may be unknown', () => {
    const { starttime, endtime, tripdistance } = trip;
    const expected = { duration: 1_200_000, startLatitude: null, endLongitude: null, distance: tripdistance };
    expect(answer([{ starttime, endtime, tripdistance }])).toMatchObject({
      ok: true,
      value: reported([expected]),
    });
  });

  test.each([['totaltrips'], ['records'], ['trips']])(
    'trips under %s and under other names are the same',
    (list) => {
      const renamed = {
        start_time: trip.starttime,
        endTime: trip.endtime,
        distance: trip.tripdistance,
        maxspeed: trip.maxspeed,
        avgspeed: trip.averagespeed,
        duration: trip.triptime,
        startlat: trip.slat,
        startlng: trip.slon,
        endlat: trip.elat,
        endLon: trip.elon,
      };
      expect(parseTrips(body({ [list]: [renamed] }), 'd1')).toEqual(answer([trip]));
      expect(parseTrips(body({ data: { [list]: [renamed] } }), 'd1')).toEqual(answer([trip]));
    },
  );

  test.each([
    [
      { totaltrips: [{ starttime: AT, endtime: AT + 1, km: 12 }] },
      'no trip has a tripdistance (fields: starttime',
    ],
    [{ totaltrips: [{ von: AT, bis: AT + 1, tripdistance: 12 }] }, 'totaltrips[0].starttime'],
    [{ fahrten: [trip] }, 'there is fahrten instead (fields: starttime'],
    [{ result: { list: [trip] } }, 'there is list instead'],
    [{ trips: 'none' }, 'trips: must be a list'],
    [
      { trips: [1, 2].map((n) => ({ starttime: AT + n, finish: AT + n + 9, distance: 12 })) },
      'no trip has an endtime (fields: starttime, finish',
    ],
    [{ result: { answer: { page: { list: [trip] } } } }, 'there is list instead'],
  ])('%j is no day without trips', (fields, problem) => {
    expect(parseTrips(body(fields), 'd1')).toEqual({ ok: false, problem: expect.stringContaining(problem) });
  });

  test('are found some levels down; a duration in seconds and a time with a zone are read', () => {
    const reported = { ...trip, starttime: new Date(AT).toISOString(), endtime: AT + 600_000, triptime: 600 };
    const parsed = parseTrips(body({ result: { answer: { totaltrips: [reported] } } }), 'd1');
    if (!parsed.ok || parsed.value === null) throw new Error('no trips');
    expect(parsed.value.trips).toMatchObject([{ start: AT, end: AT + 600_000, duration: 600_000 }]);
  });

  test.each([
    ['positions', (text: string) => parsePositions(text)],
    ['a track', (text: string) => parseTrack(text, 'd1')],
  ])('%s whose records all have their time under another name is not empty', (_, parse) => {
    const records = [{ deviceid: 'd1', gpstime: AT, callat: 1, callon: 2 }];
    expect(parse(body({ records }))).toEqual({
      ok: false,
      problem: 'records: no record has an updatetime (fields: deviceid, gpstime, callat, callon)',
    });
    expect(parse(body({ records: [{ deviceid: 'd1' }] })).ok).toBe(true);
    expect(parse(body({ result: { data: { records } } })).ok).toBe(false);
  });

  test.each([[{}], [{ totaltrips: null }], [{ data: [] }], [{ total: 0 }]])(
    '%j says nothing of trips',
    (fields) => {
      expect(parseTrips(body(fields), 'd1')).toEqual({ ok: true, value: null });
    },
  );

  test.each([
    [{ endtime: AT - 1 }, 'ends before it starts'],
    [{ tripdistance: -1 }, 'must not be negative'],
  ])('a trip with %j is left out', (odd, problem) => {
    expect(answer([trip, { ...trip, ...odd }])).toMatchObject({
      ok: true,
      value: reported([{ start: AT }], false),
      leftOut: { count: 1, malformed: 1, problem: expect.stringContaining(problem) },
    });
  });

  test('a trip without an end is under way: it is in order, and left out until it has one', () => {
    const later = { ...trip, starttime: AT + 7_200_000, endtime: 0 };
    const { endtime: _, ...sooner } = { ...trip, starttime: AT + 3_600_000 };
    expect(answer([trip, later, sooner])).toMatchObject({
      ok: true,
      value: reported([{ start: AT }], false, AT + 3_600_000),
      leftOut: { count: 2, malformed: 0, problem: expect.stringContaining('has not ended yet') },
    });
    expect(answer([later])).toMatchObject({ ok: true, value: reported([], false, later.starttime) });
    expect(answer([trip, { endtime: 0 }])).toMatchObject({
      value: reported([{ start: AT }], false),
      leftOut: { malformed: 1 },
    });
  });

  test('places and speeds that cannot be do not cost the trip', () => {
    expect(answer([{ ...trip, slat: 200, elon: 'east', maxspeed: '-', triptime: [] }])).toEqual({
      ok: true,
      value: reported([
        expect.objectContaining({
          start: AT,
          startLatitude: null,
          endLongitude: null,
          maxSpeed: 0,
          duration: 1_200_000,
        }),
      ]),
    });
  });

  test('a day without trips has none', () => {
    expect(answer([])).toEqual({ ok: true, value: reported([]) });
  });

  test('without a list the answer says nothing about trips', () => {
    expect(answer(null)).toEqual({ ok: true, value: null });
    expect(answer(undefined)).toEqual({ ok: true, value: null });
  });

  test('no JSON is no answer', () => {
    expect(parseTrips('x', 'd1').ok).toBe(false);
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

describe('commands', () => {
  test.each([
    [0, 'success', 'sent'],
    [1, 'failure', 'bad-password'],
    [2, 'failure', 'offline'],
    [3, 'success', 'cached'],
    [4, 'failure', 'default-password'],
    [5, 'failure', 'error'],
    [6, 'success', 'confirmed'],
    [7, 'failure', 'retries-failed'],
    [8, 'unknown', 'confirmation-timeout'],
    [77, 'unknown', 'unrecognised'],
  ])('the result %i is %s: %s', (status, outcome, name) => {
    const answer = JSON.stringify({ status, cause: 'words' });
    expect(parseCommandResult(answer, false)).toEqual({
      ok: true,
      value: { outcome, name, code: String(status), message: 'words' },
    });
  });

  test('its words are fit to be stored, and hold no secret', () => {
    const cause = `offline\u0000, token=abc123, ${'d41d8cd98f00b204e9800998ecf8427e'} ${'x'.repeat(2000)}`;
    const parsed = parseCommandResult(JSON.stringify({ status: 2, cause }), false);
    const message = parsed.ok ? parsed.value.message : '';
    expect(message).toMatch(/^offline , token=… … x+…$/);
    expect(message.length).toBeLessThanOrEqual(500);
  });

  test('polled later, "sent" is not yet a result', () => {
    expect(parseCommandResult('{"status":0}', true)).toMatchObject({ value: { outcome: 'pending' } });
    expect(parseCommandResult('{"status":6}', true)).toMatchObject({ value: { outcome: 'success' } });
  });

  test('an answer without a result is none', () => {
    expect(parseCommandResult('{}', false)).toEqual({ ok: false, problem: 'status: is missing' });
    expect(parseCommandResult('', true).ok).toBe(false);
  });

  test('a command that is handed over has an id, or a result at once', () => {
    expect(parseQueued('{"status":0,"commandid":4711}')).toEqual({ ok: true, value: { commandId: '4711' } });
    expect(parseQueued('{"status":3,"commandid":"7"}')).toEqual({ ok: true, value: { commandId: '7' } });
    expect(parseQueued('{"status":3,"cause":"words"}')).toEqual({
      ok: true,
      value: { result: { outcome: 'success', name: 'cached', code: '3', message: 'words' } },
    });
    expect(parseQueued('{"status":2}')).toMatchObject({ value: { result: { name: 'offline' } } });
    expect(parseQueued('{"status":0}').ok).toBe(false);
    expect(parseQueued('?').ok).toBe(false);
  });
});
