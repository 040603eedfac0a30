/** Tests that count windows or a day's calls must hold at any instant: what they are built on is tried at each. */
import { nextBoundary, startOfDay } from '../../../quota/calendar';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../quota/durations';
import { lastHours, noonZone, steadyLagMinutes } from '../../support/stacks/due-hours';

const START = Date.UTC(2026, 11, 31);
const instants = Array.from({ length: 24 * 4 }, (_, i) => START + i * 15 * MINUTE_MS).flatMap((at) => [
  at - 1,
  at,
  at + 1,
]);

test.each([1, 2, 3])('with a lag of %i h no hour falls due in the next half hour', (hours) => {
  for (const at of instants) {
    const lagMs = steadyLagMinutes(hours, at) * MINUTE_MS;
    const due = (now: number) => Math.floor((now - lagMs) / HOUR_MS);
    expect([at, due(at + 29 * MINUTE_MS)]).toEqual([at, due(at)]);
    expect(lagMs).toBeGreaterThanOrEqual(hours * HOUR_MS);
    // What tests ask for by themselves is due.
    if (hours === 1) expect(lastHours(1, at).to).toBeLessThanOrEqual(due(at) * HOUR_MS);
  }
});

test('the zone of counted days shows noon: midnight is far away on both sides', () => {
  for (const at of instants) {
    const zone = noonZone(at);
    expect([at, nextBoundary(at, 'day', zone) - at]).toEqual([at, 12 * HOUR_MS - (at % HOUR_MS)]);
    expect(startOfDay(at, zone)).toBe(nextBoundary(at, 'day', zone) - DAY_MS);
    expect(nextBoundary(at, 'month', zone) - at).toBeGreaterThan(11 * HOUR_MS);
  }
});
