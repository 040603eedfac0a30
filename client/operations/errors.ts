/** Errors that a person is meant to read: the message is all there is to show, and never holds a secret. */

/** The command was given something that cannot be right: exit code 2. Names field, value and what is right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Something outside is not as it has to be: exit code 1. Says what to do. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
