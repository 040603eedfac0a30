import { nextBoundary, startOfDay } from '../../../quota/calendar';

test.each([
  ['UTC', '2026-11-24T02:00:00Z', '2026-11-24T00:00:00Z'],
  ['UTC', '2026-11-24T00:00:00Z', '2026-11-24T00:00:00Z'],
  ['Asia/Shanghai', '2026-11-24T02:00:00Z', '2026-11-23T16:00:00Z'],
  // Days of 25 and of 23 hours, and the days after them.
  ['Europe/Berlin', '2026-10-25T22:59:00Z', '2026-10-24T22:00:00Z'],
  ['Europe/Berlin', '2026-10-25T23:00:00Z', '2026-10-25T23:00:00Z'],
  ['Europe/Berlin', '2026-03-29T21:59:00Z', '2026-03-28T23:00:00Z'],
  ['Europe/Berlin', '2026-03-29T22:00:00Z', '2026-03-29T22:00:00Z'],
])('in %s, %s lies in the day that began at %s', (zone, at, start) => {
  const ms = Date.parse(at);
  expect(startOfDay(ms, zone)).toBe(Date.parse(start));
  expect(nextBoundary(startOfDay(ms, zone), 'day', zone)).toBe(nextBoundary(ms, 'day', zone));
});

test.each(['minute', 'hour', 'day', 'month'] as const)(
  'a %s of UTC ends where the time zone database has it end',
  (per) => {
    const instants = ['2026-11-24T02:03:04.567Z', '2026-12-31T23:59:59.999Z', '2028-02-29T00:00:00Z'];
    for (const at of instants.map((instant) => Date.parse(instant))) {
      expect(nextBoundary(at, per, 'UTC')).toBe(nextBoundary(at, per, 'Etc/UTC'));
    }
  },
);
