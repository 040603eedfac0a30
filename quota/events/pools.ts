/** Events of what opens and closes a pool. */
import { BOTH, event, ROW } from './kind';

const POOL_FIELDS = ['from', 'cause', 'until', 'reason', 'strikes', 'evidence', 'hint'] as const;

export const POOL_EVENTS = {
  'pool.closed': event('info', BOTH, POOL_FIELDS, 'calls leave as usual (again)'),
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
    'nothing is called until an operator resumes the pool, or until one call probes at `until`, where there is such a time',
  ),
  'pool.clock_ahead': event(
    'warn',
    ROW,
    ['aheadMs'],
    "a pool's times were in the future by the database's clock, and were put back by as much",
  ),
  'operator.paused': event(
    'info',
    ROW,
    ['subject', 'by', 'reason', 'until?'],
    'somebody has paused a pool, a run or a batch: `subject` is the key of the pool, or the id of the work',
  ),
  'operator.resumed': event('info', ROW, ['subject', 'by'], 'somebody has ended such a pause'),
} as const;
