/**
 * `take_permits` against a model that keeps every charge in a list, and against the definitions of the limits. Time is
 * a parameter. Numbers are such that sums of them are exact, so that decisions and departures must be equal.
 */

import type { LimitWindow } from '../../../../quota/limits/limit';
import {
  type Ask,
  bucket,
  calendarOf,
  type LimitSpec,
  learnStep,
  limitOf,
  oneLimit,
  PLAIN_START,
  priority,
  recoverStep,
  refuseStep,
  rolling,
  settleStep,
  shortPause,
  spacing,
  takeStep,
  vendorReset,
} from '../../../support/models/permit-scenarios';
import { permitTrial } from '../../../support/models/permit-trial';
import fc from '../../../support/run/properties';

jest.setTimeout(600_000);

const { check, runBoth } = permitTrial();

/** What a limit has beside its window. */
const PLAIN = {
  slackMs: 0,
  unit: 'calls',
  mode: 'enforce',
  reserve: { background: 0, scheduled: 0, live: 0 },
} as const;

describe('one limit decides as the model does, and keeps its definition', () => {
  test.each([
    ['a token bucket', bucket],
    ['spacing', spacing],
    ['a rolling window', rolling],
    ['a vendor-stated reset', vendorReset],
  ])('%s', async (_, window) => {
    await check(oneLimit(window as fc.Arbitrary<LimitWindow>));
  });

  test.each([
    ['a token bucket', bucket],
    ['spacing', spacing],
  ])('%s whose vendor refuses, admits and announces', async (_, window) => {
    const pause = fc.oneof(shortPause, fc.integer({ min: 1000, max: 120_000 }));
    await check(
      fc.record({
        inexact: fc.constant(true),
        limits: fc.tuple(limitOf(window as fc.Arbitrary<LimitWindow>)),
        start: fc.constant(PLAIN_START),
        steps: fc.array(
          fc.record({
            after: pause,
            step: fc.oneof(
              { weight: 8, arbitrary: takeStep(1, priority) },
              { weight: 1, arbitrary: settleStep },
              { weight: 1, arbitrary: learnStep },
              { weight: 4, arbitrary: refuseStep },
              { weight: 4, arbitrary: recoverStep },
            ),
          }),
          { minLength: 1, maxLength: 60 },
        ),
      }),
    );
  });

  /** Instants around which calendars do unusual things, and a plain one. */
  const around = fc
    .tuple(
      fc.constantFrom(
        Date.UTC(2026, 2, 29, 1), // Europe/Berlin: summer time begins
        Date.UTC(2026, 9, 25, 1), // and ends
        Date.UTC(2026, 2, 8, 7), // America/New_York begins
        Date.UTC(2026, 10, 1, 6), // and ends
        Date.UTC(2026, 3, 4, 15), // Australia/Lord_Howe goes back by half an hour
        Date.UTC(2026, 9, 3, 15, 30), // and forth
        Date.UTC(2026, 1, 28, 23),
        Date.UTC(2026, 11, 31, 23),
      ),
      fc.integer({ min: -30 * 3600_000, max: 2 * 3600_000 }),
    )
    .map(([at, offset]) => at + offset);

  const near = (ms: number) =>
    fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: ms }), fc.constant(ms / 4));

  test.each([
    ['minute', 60_000],
    ['hour', 3_600_000],
    ['day', 43_200_000],
    ['month', 10 * 86_400_000],
  ] as const)('a calendar %s', async (per, pause) => {
    await check(oneLimit(calendarOf(per), around, near(pause)));
  });

  test('a calendar window is left and entered with the slack kept clear', async () => {
    // Steps that land within milliseconds of the window's end.
    const edge = fc.constantFrom(0, 1, 3, 4, 5, 39, 40, 41, 59_960, 59_959, 59_961, 60_000, 30_000);
    await check(oneLimit(calendarOf('minute'), fc.constant(PLAIN_START), edge));
  });

  test('what is given ahead for the next window counts there, also for a caller with a shorter lead', async () => {
    const minute: LimitSpec = {
      ...PLAIN,
      window: { kind: 'calendar', count: 1, per: 'minute', zone: 'UTC' },
      slackMs: 4,
    };
    const ask: Ask = { priority: 'background', units: [1] };
    const { granted } = await runBoth({
      limits: [minute],
      start: PLAIN_START,
      steps: [
        { after: 59_987, step: { do: 'take', asks: [ask, ask], leadMs: 25 } },
        { after: 0, step: { do: 'take', asks: [ask], leadMs: 0 } },
        { after: 0, step: { do: 'take', asks: [ask], leadMs: 25 } },
      ],
    });
    expect(granted.map(({ at }) => at - PLAIN_START)).toEqual([59_987, 60_004]);
  });

  test('where nothing was admitted since the last refusal, no burst explains the next, however much is unused', async () => {
    const bucketOfOne: LimitSpec = {
      ...PLAIN,
      window: { kind: 'token-bucket', ratePerSecond: 250, burst: 1 },
    };
    const ask: Ask = { priority: 'background', units: [1] };
    const { granted } = await runBoth({
      inexact: true,
      limits: [bucketOfOne],
      start: PLAIN_START,
      steps: [
        { after: 1000, step: { do: 'take', asks: [ask], leadMs: 0 } },
        { after: 1000, step: { do: 'refuse', back: 0, waitMs: 60_000 } },
        { after: 59_980, step: { do: 'take', asks: [ask], leadMs: 20 } },
        // Now three fit, of which two are unused: twice what one call takes.
        { after: 0, step: { do: 'learn', capacity: 3 } },
        { after: 21, step: { do: 'refuse', back: 0, waitMs: null } },
        { after: 1000, step: { do: 'take', asks: [ask], leadMs: 0 } },
      ],
    });
    expect(granted).toHaveLength(2);
  });
});
