/** Events of limits, the calls they stop, and the clock they go by. */
import { BOTH, event, LOG, ROW } from './kind';

const REFUSAL_FIELDS = ['caller', 'operation', 'code'] as const;

export const LIMIT_EVENTS = {
  'quota.alert': event(
    'warn',
    BOTH,
    ['limit', 'level', 'used', 'capacity', 'window'],
    'a level of use of a limit is reached; once per level and window',
  ),
  'quota.threshold_reached': event(
    'warn',
    { row: 'once a window', log: true },
    ['batch', 'limit', 'used', 'capacity', 'window', 'until', 'reason'],
    'a batch pauses because the rest of a limit is reserved for others',
  ),
  'quota.threshold_left': event('info', BOTH, ['batch', 'limit', 'reason'], 'the batch calls again'),
  'limit.learned': event(
    'info',
    BOTH,
    ['limit', 'capacity?', 'ratePerSecond?'],
    'the vendor announced a size that differs from the known one',
  ),
  'limit.lowered': event('info', LOG, ['limit', 'ratePerSecond'], 'calls were refused at the announced rate'),
  'limit.raised': event('info', LOG, ['limit', 'ratePerSecond'], 'calls are accepted at a higher rate again'),
  'limit.refused': event(
    'info',
    BOTH,
    ['subject', 'limit?', 'limits', ...REFUSAL_FIELDS, 'message', 'waitMs', 'strikes', 'requestId?'],
    'the vendor refused calls as too fast',
  ),
  'limit.alert': event(
    'warn',
    BOTH,
    ['subject', 'limit?', ...REFUSAL_FIELDS, 'refusals', 'windowMs'],
    'it did so several times in a short time',
  ),
  'limit.spent': event(
    'warn',
    BOTH,
    ['limit', ...REFUSAL_FIELDS, 'message', 'until'],
    "the vendor reported that one narrow limit is used up, a device's calls of the day say; the account's other calls go on",
  ),
  'calls.stopped': event(
    'warn',
    BOTH,
    [
      'operation',
      'subject',
      'part',
      'caller',
      'code',
      'message',
      'since',
      'until',
      'strikes',
      'hint',
      'evidence',
    ],
    "the vendor refuses one kind of calls, those for one report type say, or access to one part of it (`part`); the account's other calls go on",
  ),
  'calls.resumed': event(
    'info',
    BOTH,
    ['operation', 'subject', 'part', 'caller'],
    'the vendor accepts that kind of calls again',
  ),
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
    'another program has taken permits and did not report the outcome of its calls in time: they count as spent',
  ),
  'limit.waiting': event(
    'info',
    {
      row: 'when the wait begins; once an hour where waits are short and frequent; of the limits of single devices, models or report types ten of a name an hour',
      log: true,
    },
    ['limit', 'caller', 'priority', 'reason', 'since', 'until'],
    'a sync, a backfill or a fleet sleeps until a limit has room',
  ),
  'limit.reserve': event(
    'info',
    { row: 'once a window', log: true },
    ['limit', 'priority', 'used', 'capacity', 'until'],
    'work of a priority pauses because it has used its share of a limit',
  ),
  'clock.stepped': event(
    'warn',
    ROW,
    ['stepMs'],
    "the database's clock was set, forward or (negative) back; all times that something waits for have moved with it",
  ),
  'limit.clock_ahead': event(
    'warn',
    ROW,
    ['limit', 'aheadMs'],
    "a limit's times were in the future by the database's clock, and were put back: nothing waits for them",
  ),
  'limit.reset': event(
    'info',
    ROW,
    ['limit', 'by', 'reason'],
    'an operator has put back the times of a limit that were in the future',
  ),
  'limit.changed': event(
    'warn',
    ROW,
    ['limit', 'key', 'change', 'by', 'reason'],
    'an operator has overridden a limit while everything runs: the override outranks the settings until it is reset',
  ),
  'limit.restored': event(
    'info',
    ROW,
    ['limit', 'key', 'by', 'reason'],
    'such an override has ended: the settings hold again',
  ),
  'rows.clock_ahead': event(
    'warn',
    ROW,
    ['table', 'rows', 'aheadMs'],
    "rows of a table, answers or holds say, were in the future by the database's clock, and were put back",
  ),
} as const;
