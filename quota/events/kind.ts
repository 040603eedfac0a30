/** What the catalogue says of each kind of event. */
export type EventLevel = 'info' | 'warn' | 'error';

export interface EventKindTerms {
  readonly level: EventLevel;
  /** When there is a row: for each of them, never, or as the words say. */
  readonly row: boolean | string;
  /** When there is a line of the log. */
  readonly log: boolean | string;
  readonly fields: readonly string[];
  /** When it is emitted, for people. */
  readonly when: string;
}

/** Keeps the names of the fields as types. A name with `?` is a field that may be missing. */
export function event<const Fields extends readonly string[]>(
  level: EventLevel,
  kept: { readonly row: boolean | string; readonly log: boolean | string },
  fields: Fields,
  when: string,
) {
  return { level, ...kept, fields, when } satisfies EventKindTerms;
}

export const BOTH = { row: true, log: true };
export const ROW = { row: true, log: false };
export const LOG = { row: false, log: true };
