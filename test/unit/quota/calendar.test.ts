import { nextBoundary, startOfDay, timeOfDay } from '../../../quota/calendar';

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

test.each([
  ['UTC', '2026-11-24', '06:00', '2026-11-24T06:00:00Z'],
  ['Europe/Berlin', '2026-11-24', '23:00', '2026-11-24T22:00:00Z'],
  // Clocks go forward from 02:00 to 03:00, and back from 03:00 to 02:00.
  ['Europe/Berlin', '2026-03-29', '01:30', '2026-03-29T00:30:00Z'],
  ['Europe/Berlin', '2026-03-29', '02:30', '2026-03-29T01:30:00Z'],
  ['Europe/Berlin', '2026-03-29', '06:00', '2026-03-29T04:00:00Z'],
  ['Europe/Berlin', '2026-10-25', '02:30', '2026-10-25T01:30:00Z'],
  ['Europe/Berlin', '2026-10-25', '06:00', '2026-10-25T05:00:00Z'],
  ['Europe/Berlin', '2026-10-25', '23:00', '2026-10-25T22:00:00Z'],
  ['America/New_York', '2026-11-01', '00:30', '2026-11-01T04:30:00Z'],
])('in %s on %s clocks show %s at %s', (zone, day, time, at) => {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  const start = startOfDay(Date.parse(`${day}T12:00:00Z`), zone);
  expect(new Date(timeOfDay(start, hours * 60 + minutes, zone)).toISOString()).toBe(at.replace('Z', '.000Z'));
});
