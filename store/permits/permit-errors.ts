/** The errors that `take_permits` and the other functions of permits raise, by their SQLSTATE. */

const NO_POOL = 'SL001';
const NO_LIMIT = 'SL002';
const CLOCK = 'SL003';

/** A pool or a limit that a permit needs has no row. */
export function isUnregistered(error: unknown): boolean {
  const code = codeOf(error);
  return code === NO_POOL || code === NO_LIMIT;
}

/** The database's clock shows another time than it should. */
export function isUnexpectedClock(error: unknown): boolean {
  return codeOf(error) === CLOCK;
}

/** The error of a pool that has no row, as `take_permits` raises it. */
export function unregisteredPool(key: string): Error {
  return Object.assign(new Error(`pool "${key}" is not registered`), { code: NO_POOL });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}
