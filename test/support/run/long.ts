/**
 * The switch for long forms: `SLUICE_LONG=1` has statistics, chaos and soak tests run for the times that find rare faults;
 * without it they judge the same properties over a shorter span, and `*.long.test.ts` do not run. `.ci/run` sets it.
 */
export const LONG = process.env.SLUICE_LONG === '1';

/** `long` under the switch, else `short`. */
export function longOr<T>(long: T, short: T): T {
  return LONG ? long : short;
}
