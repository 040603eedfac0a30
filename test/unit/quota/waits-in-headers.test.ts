/** Waits, durations and instants in the forms that headers have. */
import { parseHttpDate, parseIsoInstant } from '../../../quota/instants';
import { ABSURD_WAIT_MS, parseGoDuration, parseRetryAfter, parseWaitText } from '../../../quota/waits';

const NOW = Date.UTC(2026, 10, 23, 12, 0, 0);
const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;

describe('parseRetryAfter', () => {
  const cases: readonly (readonly [Record<string, string | undefined>, number, string])[] = [
    [{ 'retry-after': '120' }, 120 * S, 'retry-after'],
    [{ 'Retry-After': ' 120 ' }, 120 * S, 'retry-after'],
    [{ 'retry-after': '0.25' }, 250, 'retry-after'],
    [{ 'retry-after': '0' }, 1, 'retry-after'],
    [{ 'retry-after': '30, 60' }, 60 * S, 'retry-after'],
    [{ 'retry-after': '6m0s' }, 6 * M, 'retry-after'],
    [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1500, 'retry-after-ms'],
    [{ 'retry-after-ms': '0.2' }, 1, 'retry-after-ms'],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2 * S, 'retry-after'],
    [{ 'retry-after-ms': undefined, 'retry-after': '2' }, 2 * S, 'retry-after'],
    [{ 'retry-after': 'Mon, 23 Nov 2026 12:01:00 GMT' }, M, 'http-date'],
    [{ 'retry-after': 'Monday, 23-Nov-26 12:01:00 GMT' }, M, 'http-date'],
    [{ 'retry-after': 'Mon Nov 23 12:01:00 2026' }, M, 'http-date'],
    [{ 'retry-after': 'Tue Dec  1 12:00:00 2026' }, 8 * D, 'http-date'],
    [{ 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 1, 'http-date'],
    [{ 'retry-after': '2026-11-23T12:01:00Z' }, M, 'http-date'],
    [{ 'retry-after': '9'.repeat(400) }, Number.MAX_SAFE_INTEGER, 'retry-after'],
    [{ 'retry-after': '1779710400' }, 1_779_710_400_000, 'retry-after'],
    // Met, though no standard allows it.
    [{ 'retry-after': String(NOW / S + 60) }, M, 'http-date'],
    [{ 'retry-after': String(NOW + M) }, M, 'http-date'],
    [{ 'retry-after': '"5"' }, 5 * S, 'retry-after'],
    [{ 'retry-after': '5 seconds' }, 5 * S, 'retry-after'],
    [{ 'retry-after': 'PT5S' }, 5 * S, 'retry-after'],
    [{ 'retry-after': '00:00:05' }, 5 * S, 'retry-after'],
    [{ 'retry-after': '1 day, 2 hours' }, D + 2 * H, 'retry-after'],
    [{ 'retry-after': 'Mon, 23 Nov 2026 12:01:00 UTC' }, M, 'http-date'],
    [{ 'retry-after': 'Tue, 1 Dec 2026 12:00:00 +0000' }, 8 * D, 'http-date'],
    [{ 'retry-after-ms': '0', 'retry-after': '20' }, 20 * S, 'retry-after'],
    [{ 'retry-after-ms': '0' }, 1, 'retry-after-ms'],
  ];
  test.each(cases)('%j', (headers, ms, source) => {
    expect(parseRetryAfter(headers, NOW)).toEqual({ ms, source, absurd: ms > ABSURD_WAIT_MS });
  });

  const none: readonly Record<string, string | undefined>[] = [
    {},
    { 'retry-after': '' },
    { 'retry-after': undefined },
    { 'retry-after': '-5' },
    { 'retry-after': '1e3' },
    { 'retry-after': 'NaN' },
    { 'retry-after': 'Infinity' },
    { 'retry-after': '0x10' },
    { 'retry-after': 'tomorrow' },
    { 'retry-after': 'Mon, 31 Feb 2026 12:01:00 GMT' },
    { 'retry-after': 'Mon, 23 Foo 2026 12:01:00 GMT' },
    { 'retry-after': 'Mon, 23 Nov 2026 25:01:00 GMT' },
    { 'retry-after': '1'.repeat(2000) },
    { 'x-retry-after': '5' },
  ];
  test.each(none)('says nothing for %j', (headers) => {
    expect(parseRetryAfter(headers, NOW)).toBeNull();
  });

  test('a two-digit year is the nearest within 50 years', () => {
    expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', NOW)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
    expect(parseHttpDate('Sunday, 06-Nov-05 08:49:37 GMT', Date.UTC(2099, 0, 1))).toBe(
      Date.UTC(2105, 10, 6, 8, 49, 37),
    );
    expect(parseHttpDate('x'.repeat(1000), NOW)).toBeNull();
  });

  test('a date says nothing when the clock is unknown', () => {
    expect(parseRetryAfter({ 'retry-after': 'Mon, 23 Nov 2026 12:01:00 GMT' }, Number.NaN)).toBeNull();
  });
});

describe('absurd waits are flagged, not shortened', () => {
  test.each([
    ['Try again in 7 days', false],
    ['Try again in 8 days', true],
    ['blocked until 2036-11-23T12:00:00Z', true],
    ['Try again in P10Y', true],
    [`Try again in ${'9'.repeat(5000)} seconds`, true],
  ])('%s', (text, absurd) => {
    expect(parseWaitText(text, NOW)?.absurd).toBe(absurd);
  });

  test('by a limit that the caller chooses', () => {
    expect(parseWaitText('Try again in 2 hours', NOW, H)).toEqual({
      ms: 2 * H,
      source: 'text',
      absurd: true,
    });
    expect(parseRetryAfter({ 'retry-after': '3601' }, NOW, H)?.absurd).toBe(true);
    expect(parseRetryAfter({ 'retry-after': '3600' }, NOW, H)?.absurd).toBe(false);
  });
});

describe('parseGoDuration is exact', () => {
  test.each([
    ['1s', 1000],
    ['6m0s', 360_000],
    ['120ms', 120],
    ['7.66s', 7660],
    ['1.005s', 1005],
    ['4.35s', 4350],
    ['1h2m3s', 3_723_000],
    ['3s1h', 3_603_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['5.s', 5000],
    ['+5s', 5000],
    ['30µs', 0.03],
    ['30μs', 0.03],
    ['30us', 0.03],
    ['1ns', 0.000001],
    ['0', 0],
    ['0s', 0],
    ['2562047h47m16.854775807s', 9_223_372_036_854.775],
  ])('%s', (text, ms) => {
    expect(parseGoDuration(text)).toBeCloseTo(ms, 6);
    if (Number.isInteger(ms)) expect(parseGoDuration(text)).toBe(ms);
  });
  test.each([
    '',
    '5',
    '-5s',
    '+',
    '.s',
    's',
    '5x',
    '1 s',
    '1s ',
    '1d',
    '5S',
    'NaN',
    '9999999h',
    '1s'.repeat(500),
  ])('null for %j', (text) => {
    expect(parseGoDuration(text)).toBeNull();
  });
});

describe('parseIsoInstant', () => {
  test.each([
    ['2026-11-23T12:00:00Z', NOW],
    ['2026-11-23T12:00:00+00:00', NOW],
    ['2026-11-23T07:00:00-0500', NOW],
    ['2026-11-23 12:00 GMT', NOW],
    ['2026-11-23T12:00:00.1239Z', NOW + 123],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['0099-01-01T00:00:00Z', new Date('0099-01-01T00:00:00Z').getTime()],
  ])('%s', (text, ms) => {
    expect(parseIsoInstant(text)).toBe(ms);
  });
  test.each([
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-01-01T00:00:00+25:00',
  ])('null for %s', (text) => {
    expect(parseIsoInstant(text)).toBeNull();
  });
});
