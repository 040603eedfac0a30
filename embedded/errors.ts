/**
 * What embedded servers fail with. The message is written for the person at the terminal: it names the file,
 * port or version concerned and what to do. It never holds a password.
 */
export type EmbeddedErrorCode =
  | 'BINARY_MISSING'
  | 'BINARY_BROKEN'
  | 'DATA_FOREIGN'
  | 'DATA_VERSION'
  | 'LOCK_TIMEOUT'
  | 'NO_UNPRIVILEGED_USER'
  | 'PLATFORM'
  | 'START_FAILED'
  | 'STOP_FAILED';

export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';

  constructor(
    readonly code: EmbeddedErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Receives one line of progress, without a newline and without secrets. */
export type Log = (line: string) => void;

export const silent: Log = () => undefined;

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node or Postgres error (`ENOENT`, `57P03`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
