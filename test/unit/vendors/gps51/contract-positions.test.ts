/** Positions and tracks as GPS51 answers them. */
import { parsePositions, parseTrack } from '../../../../vendors/gps51/contract';

const AT = Date.UTC(2026, 10, 24, 4, 30);
const body = (value: unknown) => JSON.stringify({ status: 0, cause: 'OK', ...(value as object) });
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
    [{ updatetime: 0 }, 'no time is given'],
    [{ updatetime: 0, callat: 0, callon: '' }, 'was never located'],
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

  test.each([[{}], [{ updatetime: null, callat: 6.5, callon: 3.3 }]])(
    'records that are all %j are not an empty answer',
    (record) => {
      expect(answer([record, record])).toMatchObject({ ok: false });
      expect(parseTrack(body({ records: [record] }), 'd1')).toMatchObject({ ok: false });
    },
  );

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
  const named = (deviceid: unknown) => ({ ...record, deviceid });
  expect(parseTrack(body({ records: [named('d2'), named('D1')] }), 'd1')).toMatchObject({
    value: [{ deviceId: 'd1' }],
    leftOut: { malformed: 1, problem: 'records[0].deviceid: is d2, and d1 was asked for' },
  });
  expect(parseTrack(body({ records: [named('d2')] }), 'd1')).toMatchObject({ ok: false });
});
