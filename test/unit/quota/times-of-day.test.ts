import { type DayMeant, timeOfDayAt } from '../../../quota/times-of-day';

const M = 60_000;
const H = 60 * M;

/** ms until a time of day, seen from an instant. */
const until = (text: string, now: string, day: DayMeant = null) =>
  timeOfDayAt(text, 0, Date.parse(now), day)?.ms ?? null;

test('a zone whose clocks change', () => {
  // 2026-10-25: 03:00 summer time becomes 02:00; 2026-03-29: 02:00 becomes 03:00.
  expect(until('08:15 Europe/Berlin', '2026-10-24T21:00:00Z')).toBe(10 * H + 15 * M);
  expect(until('08:15 Europe/Berlin', '2026-03-28T21:00:00Z')).toBe(9 * H + 15 * M);
  expect(until('08:15 Uhr', '2026-10-24T12:00:00Z', 1)).toBe(20 * H + 15 * M);
  // Shown twice: the later, which is never too early.
  expect(until('02:30 Europe/Berlin', '2026-10-24T21:00:00Z')).toBe(4 * H + 30 * M);
});

test.each<[string, number | null]>([
  ['24:00 UTC', 12 * H],
  ['00:00 UTC', 12 * H],
  ['12:00 am UTC', 12 * H],
  ['12:30 pm UTC', 30 * M],
  ['1 pm UTC', H],
  ['13 Uhr', H], // in Berlin this very minute, in UTC in an hour
  ['14 Uhr', 2 * H],
  ['12:30 Uhr', 23 * H + 30 * M], // in Berlin it is over
  ['8 Uhr abends', 8 * H],
  ['8 Uhr morgens', 20 * H],
  ['13:00 utc', H],
  ['13:00Z', H],
  ['08:00 EST', H],
  ['12:00 UTC', M], // this very minute
  ['11:58 UTC', 24 * H - 2 * M],
  ['13', null],
  ['13:00', null],
  ['13 UTC', null],
  ['13:00 IST', null],
  ['13:00 Mars/Olympus', null],
  ['25:00 UTC', null],
  ['13:60 UTC', null],
  ['13:00 pm UTC', null],
  ['08:15-09:30 UTC', null],
  ['13:00 UTC+15', null],
])('%s at noon of UTC', (text, ms) => {
  expect(until(text, '2026-11-23T12:00:00Z')).toBe(ms);
});
