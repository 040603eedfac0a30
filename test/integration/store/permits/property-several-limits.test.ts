/**
 * `take_permits` against a model that keeps every charge in a list, and against the definitions of several limits. Time is
 * a parameter. Numbers are such that sums of them are exact, so that decisions and departures must be equal.
 */

import type { LimitWindow, Priority } from '../../../../quota/limits/limit';
import {
  bucket,
  calendarOf,
  type LimitSpec,
  limitOf,
  PLAIN_START,
  rolling,
  settleStep,
  shortPause,
  spacing,
  takeStep,
  vendorReset,
} from '../../../support/models/permit-scenarios';
import { permitTrial, RUNS } from '../../../support/models/permit-trial';
import fc from '../../../support/run/properties';

jest.setTimeout(600_000);

const { check, register, take } = permitTrial();

describe('several limits', () => {
  const anyWindow = fc.oneof(bucket, spacing, rolling, vendorReset, calendarOf('minute'));

  test('a request is charged to all of its limits at one departure, or to none', async () => {
    const scenarios = fc.integer({ min: 2, max: 4 }).chain((count) =>
      fc.record({
        limits: fc.array(limitOf(anyWindow), { minLength: count, maxLength: count }),
        start: fc.constantFrom(PLAIN_START, PLAIN_START - 500),
        steps: fc.array(
          fc.record({
            after: shortPause,
            // One rank: who claims what is shown by the tests of claims, for one limit at a time.
            step: fc.oneof(
              { weight: 8, arbitrary: takeStep(count, fc.constant<Priority>('background')) },
              { weight: 1, arbitrary: settleStep },
            ),
          }),
          { minLength: 1, maxLength: 30 },
        ),
      }),
    );
    await check(scenarios, RUNS * 2);
  });

  test('a limit that was ready is checked again when another one moves the departure', async () => {
    // Near the end of a minute a bucket's next unit may fall into the time that the calendar keeps clear.
    const edge = fc.constantFrom(0, 4, 10, 16, 25, 30, 59_930, 59_960, 59_990, 60_000);
    const pair = (calendar: LimitWindow, other: LimitWindow): LimitSpec[] =>
      [calendar, other].map((window) => ({
        window,
        slackMs: 4,
        unit: 'calls',
        mode: 'enforce',
        reserve: { background: 0, scheduled: 0, live: 0 },
      }));
    await check(
      fc.record({
        limits: fc.tuple(calendarOf('minute'), fc.oneof(bucket, spacing)).map(([a, b]) => pair(a, b)),
        start: fc.constant(PLAIN_START),
        steps: fc.array(fc.record({ after: edge, step: takeStep(2, fc.constant<Priority>('background')) }), {
          minLength: 1,
          maxLength: 30,
        }),
      }),
    );
  });

  test('the same limit named twice by one request is charged for both', async () => {
    const [limit] = await register([
      {
        window: { kind: 'rolling', count: 3, ms: 1000 },
        slackMs: 0,
        unit: 'calls',
        mode: 'enforce',
        reserve: { background: 0, scheduled: 0, live: 0 },
      },
    ]);
    const key = limit?.key ?? '';
    const twice = {
      priority: 'background',
      charges: [
        { key, units: 1 },
        { key, units: 1 },
      ],
    } as const;
    const [first, second] = await take([twice, twice], 0, PLAIN_START);
    expect(first).toMatchObject({ granted: true });
    expect(second).toMatchObject({ granted: false, deniedBy: key, retryAt: PLAIN_START + 1000 });
  });
});
