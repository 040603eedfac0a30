/**
 * The catalogue of all events: what happens to pools, limits, batches and fleets that an operator may want to know. Each
 * has a name that never changes, a level, where it is kept, and its fields. A row stands in the table `events` (`sluice
 * events`, kept for `retention.eventsDays`); a line stands in the log as one JSON object with `event`. The table in
 * docs/monitoring.md is made from this file. No field ever holds a secret.
 *
 * A name with `?` is a field that may be missing.
 */

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

/** Keeps the names of the fields as types. */
function event<const Fields extends readonly string[]>(
  level: EventLevel,
  kept: { readonly row: boolean | string; readonly log: boolean | string },
  fields: Fields,
  when: string,
) {
  return { level, ...kept, fields, when } satisfies EventKindTerms;
}

const BOTH = { row: true, log: true };
const ROW = { row: true, log: false };
const LOG = { row: false, log: true };

const POOL_FIELDS = ['from', 'cause', 'until', 'reason', 'strikes', 'evidence', 'hint'] as const;
const WINDOW_FIELDS = ['dataset', 'account', 'partition', 'from', 'to'] as const;
const REFUSAL_FIELDS = ['caller', 'operation', 'code'] as const;

export const EVENTS = {
  'pool.closed': event('info', BOTH, POOL_FIELDS, 'calls go as usual (again)'),
  'pool.quota_paused': event(
    'warn',
    BOTH,
    POOL_FIELDS,
    'the quota is used up: nothing is called until `until`',
  ),
  'pool.open': event(
    'warn',
    BOTH,
    POOL_FIELDS,
    'the vendor failed several times in a row: nothing is called until `until`',
  ),
  'pool.half_open': event(
    'info',
    BOTH,
    POOL_FIELDS,
    'one call probes whether the vendor accepts calls again',
  ),
  'pool.held': event(
    'warn',
    BOTH,
    POOL_FIELDS,
    'nothing is called until an operator resumes the pool, or one call looks again at `until` where there is one',
  ),

  'login.needed': event(
    'warn',
    BOTH,
    ['reason', 'lostAt?'],
    'an account has to be logged in to by a person; once, until somebody has. `lostAt`: when a refresh token was sent whose answer never came',
  ),
  'login.done': event('info', ROW, ['subject'], 'a person has logged in to an account'),

  'stream.connected': event('info', LOG, ['account'], 'a vendor tells of changes by itself from now on'),
  'stream.ended': event(
    'info',
    LOG,
    ['account'],
    'the connection is closed, e.g. to be made with a newer token',
  ),
  'stream.lost': event(
    'warn',
    BOTH,
    ['account', 'reason'],
    'the connection was lost, or cannot be made; once, until it stands again',
  ),
  'stream.refused': event(
    'warn',
    BOTH,
    ['account', 'reason'],
    'the stream does not accept the login; once as well',
  ),
  'stream.silent': event(
    'warn',
    ROW,
    ['account', 'reason'],
    'the connection stands and tells of nothing: each vehicle is read once by a call',
  ),
  'stream.back': event('info', ROW, ['account'], 'it tells of changes again'),

  'quota.alert': event(
    'warn',
    BOTH,
    ['limit', 'level', 'used', 'capacity', 'window'],
    'a level of use of a limit is reached, once for each window',
  ),
  'quota.threshold_reached': event(
    'warn',
    { row: 'once a window', log: true },
    ['batch', 'limit', 'used', 'capacity', 'window', 'until', 'reason'],
    'a batch pauses because the rest of a limit is not for it',
  ),
  'quota.threshold_left': event('info', BOTH, ['batch', 'limit', 'reason'], 'it calls again'),

  'limit.learned': event(
    'info',
    BOTH,
    ['limit', 'capacity?', 'ratePerSecond?'],
    'the vendor announced another size than was known',
  ),
  'limit.lowered': event('info', LOG, ['limit', 'ratePerSecond'], 'calls were refused at the announced rate'),
  'limit.raised': event('info', LOG, ['limit', 'ratePerSecond'], 'and are not any more'),
  'limit.refused': event(
    'info',
    BOTH,
    ['subject', 'limit?', 'limits', ...REFUSAL_FIELDS, 'message', 'waitMs', 'strikes', 'requestId?'],
    'the vendor said "too fast"',
  ),
  'limit.alert': event(
    'warn',
    BOTH,
    ['subject', 'limit?', ...REFUSAL_FIELDS, 'refusals', 'windowMs'],
    'it said so often in a short time',
  ),
  'limit.spent': event(
    'warn',
    BOTH,
    ['limit', ...REFUSAL_FIELDS, 'message', 'until'],
    "the vendor said that one narrow limit's calls are used up; the account's other calls go on",
  ),
  'calls.stopped': event(
    'warn',
    BOTH,
    ['operation', 'subject', 'caller', 'code', 'message', 'until', 'strikes', 'hint', 'evidence'],
    "the vendor refuses one kind of calls, of one report type say; the account's other calls go on",
  ),
  'calls.resumed': event('info', BOTH, ['operation', 'subject', 'caller'], 'it accepts them again'),
  'limit.unblocked': event(
    'info',
    ROW,
    ['limit', 'pools', 'by', 'reason', 'was', 'because'],
    'an operator has ended a wait that the vendor had asked for',
  ),
  'permit.unreported': event(
    'warn',
    ROW,
    ['account', 'operation', 'caller', 'permits', 'departedAt'],
    'another program has taken permits and has not said in their time what came of its calls: they count as spent',
  ),
  'limit.waiting': event(
    'info',
    { row: 'when the wait begins; often and shortly: once an hour', log: true },
    ['limit', 'caller', 'priority', 'reason', 'until'],
    'a sync, a backfill or a fleet sleeps for want of room in a limit',
  ),
  'limit.reserve': event(
    'info',
    { row: 'once a window', log: true },
    ['limit', 'priority', 'used', 'capacity', 'until'],
    'work of a priority pauses at its share of a limit',
  ),

  'clock.stepped': event(
    'warn',
    ROW,
    ['stepMs'],
    "the database's clock was set, forward or (negative) back; all times that are waited for have moved with it",
  ),
  'limit.clock_ahead': event(
    'warn',
    ROW,
    ['limit', 'aheadMs'],
    "a limit's times lay in the future of the database's clock, and were put back: nothing waits for them",
  ),
  'limit.reset': event(
    'info',
    ROW,
    ['limit', 'by', 'reason'],
    'an operator has put back those times of a limit that lay in the future',
  ),
  'pool.clock_ahead': event(
    'warn',
    ROW,
    ['aheadMs'],
    "a pool's times lay in the future of the database's clock, and were put back by as much",
  ),
  'rows.clock_ahead': event(
    'warn',
    ROW,
    ['table', 'rows', 'aheadMs'],
    "rows of a table, answers or holds say, lay in the future of the database's clock, and were put back",
  ),
  'settings.published': event(
    'info',
    ROW,
    ['generation', 'by'],
    'a worker with changed settings has started, or an operator has published some: they say from now on how the pool and its limits are',
  ),
  'settings.superseded': event(
    'warn',
    BOTH,
    ['by', 'generation', 'publishedBy'],
    'a worker has started with settings that are older than those that stand, or differ from them; they change nothing of the pool and its limits',
  ),

  'batch.started': event('info', BOTH, ['batch', 'items', 'reason'], 'the first page begins'),
  'batch.restarted': event(
    'warn',
    BOTH,
    ['batch', 'reason'],
    'it was to run and had no open workflow: a worker has started one',
  ),
  'batch.finished': event(
    'info',
    BOTH,
    ['batch', 'items', 'done', 'failed', 'reason'],
    'every item has ended',
  ),
  'batch.waiting': event(
    'info',
    {
      row: 'when it begins to wait, or waits for something else; often and shortly: once an hour',
      log: true,
    },
    ['batch', 'cause', 'subject', 'reason', 'since', 'until'],
    'none of its items may go now: `cause` is limit, threshold, queue (the vendor takes no file) or retry',
  ),
  'batch.retried': event('info', ROW, ['batch', 'items', 'by', 'reason'], 'failed items are asked for again'),
  'batch.skipped': event(
    'info',
    ROW,
    ['batch', 'items', 'by', 'reason'],
    'an operator has taken items out; `retry-failed` takes them in again',
  ),
  'batch.paused': event(
    'warn',
    BOTH,
    ['batch', 'by', 'reason', 'from'],
    '`by` is operator, or vendor (it refuses what all items share, or a batch was cancelled in its console)',
  ),
  'batch.resumed': event(
    'info',
    BOTH,
    ['batch', 'by', 'reason', 'from'],
    '`by` is operator, or start (the same input again)',
  ),
  'batch.cancelled': event('info', BOTH, ['batch', 'by', 'reason', 'from'], 'an operator has cancelled it'),
  'batch.concurrency': event(
    'info',
    { row: 'turns only, at most one a minute', log: true },
    ['batch', 'concurrency', 'change', 'reason'],
    'more or fewer calls in flight, or with how many a page begins (`change` is `start`)',
  ),
  'batch.retry': event(
    'info',
    LOG,
    ['batch', 'item', 'attempts', 'waitMs', 'kind'],
    'an item goes to the retry queue',
  ),
  'batch.retry_queue': event(
    'info',
    BOTH,
    ['batch', 'items', 'until', 'reason'],
    'what a page (ten minutes at the most) left to be tried again',
  ),
  'batch.progress': event(
    'info',
    { row: false, log: 'every `logInterval` items' },
    ['batch', 'ended', 'inFlight'],
    'so many items of this page have ended',
  ),
  'batch.vendor_batch': event(
    'info',
    LOG,
    ['batch', 'part', 'vendorBatch', 'items'],
    'a file of requests is a batch at the vendor',
  ),
  'batch.part_settled': event(
    'info',
    LOG,
    ['batch', 'part', 'status', 'left'],
    'its answers are stored; so many items are left',
  ),
  'batch.part_failed': event(
    'warn',
    { row: 'once for each reason', log: true },
    ['batch', 'part', 'state', 'reason', 'failures', 'since', 'until'],
    'a file does not get on: a call for it failed, or was answered with what may pass; it is made again at `until`',
  ),
  'batch.queue_full': event(
    'warn',
    LOG,
    ['pool', 'model', 'tokens', 'limit?', 'share', 'strikes', 'blockedMs?'],
    "the vendor's queue did not take a file; the next one is smaller, or waits",
  ),
  'batch.results_gone': event(
    'error',
    BOTH,
    ['batch', 'items', 'reason'],
    'answers in a file are lost at the vendor, after all doubt: the items are asked for, and paid for, again',
  ),
  'batch.twin': event(
    'warn',
    BOTH,
    ['batch', 'items', 'reason'],
    'the vendor has made two batches of one file: the second is cancelled, if it has not ended',
  ),
  'batch.stalled': event(
    'warn',
    BOTH,
    ['batch', 'items', 'reason'],
    "a file's batch does not get on at the vendor, or is in a state that nobody knows; it is polled on",
  ),
  'batch.cancel_fails': event(
    'warn',
    LOG,
    ['batch', 'reason'],
    'the vendor lets a file of a cancelled batch be neither cancelled nor read; tried again each minute',
  ),

  'fleet.left_out': event(
    'warn',
    LOG,
    ['dataset', 'account', 'operation', 'count', 'malformed', 'problem'],
    'records of an answer that are not as agreed were left out; once for each problem',
  ),
  'fleet.list_failed': event(
    'warn',
    LOG,
    ['account'],
    "the vendor's list of devices cannot be had or used; work goes on with the last one",
  ),
  'fleet.new_devices_failed': event(
    'warn',
    LOG,
    ['account', 'devices'],
    "nothing can be learned of devices that are new in the list; the others' positions go on, and these are asked for again after an hour",
  ),

  'report.slow': event(
    'warn',
    ROW,
    ['dataset', 'account', 'partition', 'from', 'to', 'reportId', 'status', 'age', 'askedAnewAt'],
    'the vendor has not made a report for a long time: it is polled ever more rarely, and asked for anew at `askedAnewAt`',
  ),
  'report.unanswered': event(
    'warn',
    ROW,
    ['dataset', 'account', 'partition', 'from', 'to', 'reason', 'requests', 'believedAt'],
    "a request for a report brought no usable answer: it may have been made, so the vendor's list is looked at, and believed from `believedAt` on",
  ),
  'rows.set_aside': event(
    'warn',
    ROW,
    [...WINDOW_FIELDS, 'rows', 'duplicates', 'first?'],
    'rows of a document could not be used and were put aside; the others are in',
  ),
  'window.doubted': event(
    'warn',
    ROW,
    [...WINDOW_FIELDS, 'hours', 'knownRows', 'toldRows', 'answers', 'lookAgainAt', 'believedAfter'],
    'a document holds far fewer rows than are known: these stay, and it is asked for again',
  ),
  'window.doubt_over': event(
    'info',
    ROW,
    [...WINDOW_FIELDS, 'hours', 'answers', 'believedHours', 'byOperator'],
    'the rows came again, or that there are fewer is believed',
  ),
  'window.doubt_accepted': event(
    'info',
    ROW,
    [...WINDOW_FIELDS, 'hours', 'by'],
    'an operator says that fewer rows are true: the next answer is believed',
  ),
  'window.failed': event(
    'warn',
    ROW,
    [...WINDOW_FIELDS, 'cause', 'reason', 'tries', 'nextTryAt'],
    'a window cannot be had now; it is tried again at growing distances',
  ),
  'window.empty': event(
    'info',
    ROW,
    [...WINDOW_FIELDS, 'cause', 'reason', 'tries'],
    'the answers mean that there is no data: the window is provisionally empty',
  ),

  'limit.changed': event(
    'warn',
    ROW,
    ['limit', 'key', 'change', 'by', 'reason'],
    'an operator has changed a limit while everything runs: it holds over the settings until it is reset',
  ),
  'limit.restored': event(
    'info',
    ROW,
    ['limit', 'key', 'by', 'reason'],
    'such a change has ended: the settings hold again',
  ),

  'operator.paused': event(
    'info',
    ROW,
    ['subject', 'by', 'reason', 'until?'],
    'somebody has paused a pool, a run or a batch: `subject` is the key of the pool, or the id of the work',
  ),
  'operator.resumed': event('info', ROW, ['subject', 'by'], 'somebody has ended such a pause'),

  'key.created': event('info', ROW, ['key', 'id', 'scope', 'by'], 'the API has another key'),
  'key.revoked': event('info', ROW, ['key', 'id', 'by'], 'a key of the API is refused from now on'),
  'api.called': event(
    'info',
    ROW,
    ['by', 'operation', 'path', 'status', 'requestId'],
    'somebody has changed something by the HTTP API',
  ),

  'rows.pruned': event(
    'info',
    LOG,
    ['jobs', 'events', 'refusals', 'callCounts', 'commands', 'batches'],
    'a worker has deleted old rows',
  ),
  'process.hung': event(
    'warn',
    ROW,
    ['process', 'reason'],
    'a process of `up --detach` said nothing any more, frozen or in an endless loop: it was ended and started again',
  ),
  'worker.started': event('info', LOG, ['taskQueue'], 'a worker takes work'),
  'worker.stopping': event('info', LOG, ['signal'], 'it finishes what it has begun'),
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
