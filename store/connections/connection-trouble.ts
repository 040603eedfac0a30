/** What the driver says of connections: errors without a code, which are known by their exact texts here alone. */

/** - `lost`: it was cut, by Postgres, a proxy or the network. - `late`: nobody has answered in time. */
export type ConnectionTrouble = 'lost' | 'late';

const TEXTS: ReadonlyMap<string, ConnectionTrouble> = new Map([
  ['Connection terminated', 'lost'],
  ['Connection terminated unexpectedly', 'lost'],
  ['Client has encountered a connection error and is not queryable', 'lost'],
  ['Client was closed and is not queryable', 'lost'],
  // Work that asks several times may find its pool ended between two questions: the server has moved, or we stop.
  ['Cannot use a pool after calling end on the pool', 'lost'],
  ['Connection terminated due to connection timeout', 'late'],
  ['timeout exceeded when trying to connect', 'late'],
  ['timeout expired', 'late'],
  ['Query read timeout', 'late'],
]);

/** A connection that stands and brings nothing back, and was given up for that. */
export class SilentConnection extends Error {
  override readonly name = 'SilentConnection';

  constructor() {
    super('nothing came back on the connection to Postgres');
  }
}

/** Null for any other error, one with a code of Postgres's or the system's among them. */
export function connectionTrouble(error: unknown): ConnectionTrouble | null {
  if (error instanceof SilentConnection) return 'late';
  if (!(error instanceof Error) || (error as { readonly code?: unknown }).code !== undefined) return null;
  return TEXTS.get(error.message) ?? null;
}
