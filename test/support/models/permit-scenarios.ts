/** Scenarios of permits for property tests: limits, and what callers and the vendor do to them over time. */

import { type LimitWindow, PRIORITIES, type Priority } from '../../../quota/limits/limit';
import fc from '../run/properties';

export interface LimitSpec {
  readonly window: LimitWindow;
  readonly slackMs: number;
  readonly unit: 'calls' | 'tokens';
  readonly mode: 'enforce' | 'shadow';
  readonly reserve: { readonly background: number; readonly scheduled: number; readonly live: number };
}

const powerOfTwo = (from: number, to: number) => fc.integer({ min: from, max: to }).map((n) => 2 ** n);

export const bucket = fc.record({
  kind: fc.constant('token-bucket' as const),
  ratePerSecond: powerOfTwo(0, 7).map((ms) => 1000 / (ms * 4)),
  burst: fc.integer({ min: 1, max: 8 }),
});
export const spacing = fc.record({ kind: fc.constant('spacing' as const), ms: powerOfTwo(2, 9) });
export const rolling = fc.record({
  kind: fc.constant('rolling' as const),
  count: fc.integer({ min: 1, max: 8 }),
  ms: fc.integer({ min: 50, max: 2000 }),
});
export const calendarOf = (per: 'minute' | 'hour' | 'day' | 'month') =>
  fc.record({
    kind: fc.constant('calendar' as const),
    count: fc.integer({ min: 1, max: 8 }),
    per: fc.constant(per),
    zone: fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kolkata',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
    ),
  });
export const vendorReset = fc.record({
  kind: fc.constant('vendor-reset' as const),
  count: fc.integer({ min: 1, max: 8 }),
});

export const limitOf = (window: fc.Arbitrary<LimitWindow>): fc.Arbitrary<LimitSpec> =>
  fc.record({
    window,
    slackMs: fc.constantFrom(0, 4, 40),
    unit: fc.constantFrom('calls' as const, 'tokens' as const),
    mode: fc.oneof(
      { weight: 5, arbitrary: fc.constant('enforce' as const) },
      { weight: 1, arbitrary: fc.constant('shadow' as const) },
    ),
    reserve: fc.record({
      background: fc.constantFrom(0, 0.25, 0.5),
      scheduled: fc.constantFrom(0, 0.25),
      live: fc.constantFrom(0, 0.25),
    }),
  });

export const priority: fc.Arbitrary<Priority> = fc.constantFrom(...PRIORITIES);
const units = fc.oneof(
  { weight: 6, arbitrary: fc.constant(1) },
  { weight: 2, arbitrary: fc.integer({ min: 2, max: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 9) },
);

export interface Ask {
  readonly priority: Priority;
  /** Units against each limit of the scenario; null: not charged to it. */
  readonly units: readonly (number | null)[];
}

const askOf = (limits: number, ranks: fc.Arbitrary<Priority>): fc.Arbitrary<Ask> =>
  fc.record({
    priority: ranks,
    units:
      limits === 1
        ? fc.tuple(units)
        : fc.array(fc.option(units, { freq: 4 }), { minLength: limits, maxLength: limits }),
  });

export type Step =
  | { readonly do: 'take'; readonly asks: readonly Ask[]; readonly leadMs: number }
  /** The answer of the call granted `back` calls ago: it cost `less` units less than was charged. */
  | { readonly do: 'settle'; readonly back: number; readonly less: number }
  | {
      readonly do: 'learn';
      readonly remaining?: number;
      readonly capacity?: number;
      readonly factor?: number;
      readonly resetMs?: number;
    }
  /** The call granted `back` calls ago is answered: refused, with a wait or without one, or admitted. */
  | { readonly do: 'refuse'; readonly back: number; readonly waitMs: number | null }
  | { readonly do: 'recover'; readonly back: number };

export const settleStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('settle' as const),
  back: fc.integer({ min: 0, max: 5 }),
  less: fc.integer({ min: 1, max: 4 }),
});
export const learnStep: fc.Arbitrary<Step> = fc.record(
  {
    do: fc.constant('learn' as const),
    remaining: fc.integer({ min: 0, max: 8 }),
    capacity: fc.integer({ min: 1, max: 8 }),
    factor: fc.constantFrom(0.5, 1, 2),
    resetMs: fc.integer({ min: 1, max: 3000 }),
  },
  { requiredKeys: ['do'] },
);
const back = fc.integer({ min: 0, max: 5 });
export const refuseStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('refuse' as const),
  back,
  waitMs: fc.constantFrom(null, 0, 50, 1000, 7000, 60_000),
});
export const recoverStep: fc.Arbitrary<Step> = fc.record({ do: fc.constant('recover' as const), back });
export const takeStep = (limits: number, ranks: fc.Arbitrary<Priority>): fc.Arbitrary<Step> =>
  fc.record({
    do: fc.constant('take' as const),
    asks: fc.array(askOf(limits, ranks), { minLength: 1, maxLength: 5 }),
    leadMs: fc.constantFrom(0, 20, 25),
  });

export interface Scenario {
  /** Rates become such that their sums are not exact: times may differ by less than a microsecond. */
  readonly inexact?: boolean;
  readonly limits: readonly LimitSpec[];
  readonly start: number;
  /** Each step with the milliseconds that pass before it. */
  readonly steps: readonly { readonly after: number; readonly step: Step }[];
}

export const PLAIN_START = Date.UTC(2026, 4, 5, 12);
export const shortPause = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 1500 }));

export const oneLimit = (
  window: fc.Arbitrary<LimitWindow>,
  start: fc.Arbitrary<number> = fc.constant(PLAIN_START),
  pause: fc.Arbitrary<number> = shortPause,
): fc.Arbitrary<Scenario> =>
  fc.record({
    limits: fc.tuple(limitOf(window)),
    start,
    steps: fc.array(
      fc.record({
        after: pause,
        step: fc.oneof(
          { weight: 8, arbitrary: takeStep(1, priority) },
          { weight: 2, arbitrary: settleStep },
          { weight: 1, arbitrary: learnStep },
        ),
      }),
      { minLength: 1, maxLength: 40 },
    ),
  });
