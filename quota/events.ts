/**
 * The catalogue of all events: what happens to pools, limits, batches and fleets that an operator may want to know. Each
 * has a name that never changes, a level, where it is kept, and its fields; `events/` lists them by subject. A row stands
 * in the table `events` (`sluice events`, kept for `retention.eventsDays`); a line stands in the log as one JSON object
 * with `event`. The table in docs/monitoring.md is made from it. No field ever holds a secret.
 */
import { ACCOUNT_EVENTS } from './events/accounts';
import { BATCH_EVENTS } from './events/batches';
import { DATASET_EVENTS } from './events/datasets';
import type { EventKindTerms } from './events/kind';
import { LIMIT_EVENTS } from './events/limits';
import { POOL_EVENTS } from './events/pools';
import { PROCESS_EVENTS } from './events/processes';

export const EVENTS = {
  ...POOL_EVENTS,
  ...ACCOUNT_EVENTS,
  ...LIMIT_EVENTS,
  ...BATCH_EVENTS,
  ...DATASET_EVENTS,
  ...PROCESS_EVENTS,
} as const;

export type EventKind = keyof typeof EVENTS;

type FieldsOf<Kind extends EventKind> = (typeof EVENTS)[Kind]['fields'][number];
type Optional<Name> = Name extends `${infer Bare}?` ? Bare : never;
type Needed<Name> = Name extends `${string}?` ? never : Name;

/** What an event of this kind says. */
export type EventData<Kind extends EventKind> = {
  readonly [Name in Needed<FieldsOf<Kind>> & string]: unknown;
} & { readonly [Name in Optional<FieldsOf<Kind>>]?: unknown };

/** Kinds that have a row; the others are for the log alone. */
export type StoredEventKind = {
  [Kind in EventKind]: (typeof EVENTS)[Kind]['row'] extends false ? never : Kind;
}[EventKind];

/** All there are. */
export const EVENT_KINDS = Object.keys(EVENTS) as readonly EventKind[];

/** Whether a name, e.g. one read from a database that a newer version has written, is of this catalogue. */
export function isEventKind(name: string): name is EventKind {
  return Object.hasOwn(EVENTS, name);
}

/** The catalogue as a Markdown table, for docs/monitoring.md. */
export function eventsReference(): string {
  const word = (kept: boolean | string) => (kept === true ? 'yes' : kept === false ? '' : kept);
  const rows = Object.entries<EventKindTerms>(EVENTS).map(
    ([kind, { level, row, log, fields, when }]) =>
      `| \`${kind}\` | ${level} | ${word(row)} | ${word(log)} | ${fields.map((name) => name.replace('?', '')).join(', ')} | ${when} |`,
  );
  return [
    '| event | level | row | log | fields | when |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
