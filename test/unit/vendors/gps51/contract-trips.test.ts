/** Trips as GPS51 answers them. */
import { parsePositions, parseTrack, parseTrips } from '../../../../vendors/gps51/contract';

const AT = Date.UTC(2026, 10, 24, 4, 30);
const body = (value: unknown) => JSON.stringify({ status: 0, cause: 'OK', ...(value as object) });
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

  test('a trip of another device is left out', () => {
    expect(answer([{ ...trip, deviceid: 'd2' }, trip])).toMatchObject({
      value: { trips: [{ start: AT }], whole: false },
      leftOut: { malformed: 1, problem: 'totaltrips[0].deviceid: is d2, and d1 was asked for' },
    });
    expect(answer([{ ...trip, deviceid: 'd2' }]).ok).toBe(false);
  });

  test.each([[{ slat: 0, slon: '0.0' }], [{ slat: 'north' }], [{ slon: null }]])(
    'a start of %j is no place',
    (rest) => {
      expect(answer([{ ...trip, ...rest }])).toMatchObject({
        value: { trips: [{ startLatitude: null, startLongitude: null, endLatitude: 6.4 }] },
      });
    },
  );

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
