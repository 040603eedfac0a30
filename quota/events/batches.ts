/** Events of batches and their files. */
import { BOTH, event, LOG, ROW } from './kind';

export const BATCH_EVENTS = {
  'batch.started': event('info', BOTH, ['batch', 'items', 'reason'], 'its first page begins'),
  'batch.restarted': event(
    'warn',
    BOTH,
    ['batch', 'reason'],
    'it should run and had no open workflow: a worker has started one',
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
      row: 'when it begins to wait, or waits for something else; once an hour where waits are short and frequent',
      log: true,
    },
    ['batch', 'cause', 'subject', 'reason', 'since', 'until'],
    'none of its items may be sent now: `cause` is limit, threshold, queue (the vendor takes no file) or retry',
  ),
  'batch.retried': event('info', ROW, ['batch', 'items', 'by', 'reason'], 'failed items are called again'),
  'batch.skipped': event(
    'info',
    ROW,
    ['batch', 'items', 'by', 'reason'],
    'an operator has skipped items; `retry-failed` brings them back',
  ),
  'batch.paused': event(
    'warn',
    BOTH,
    ['batch', 'by', 'reason', 'from'],
    '`by` is operator, or vendor (it refuses something that all items share, or somebody cancelled the batch at the vendor)',
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
    { row: 'only where it turns from growing to shrinking or back, at most one a minute', log: true },
    ['batch', 'concurrency', 'change', 'reason'],
    'there are more or fewer calls in flight; or the number with which a page begins (`change` is `start`)',
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
    'items that a page (ten minutes at the most) left to be retried',
  ),
  'batch.progress': event(
    'info',
    { row: false, log: 'every `logInterval` items' },
    ['batch', 'ended', 'inFlight'],
    'how many items of this page have ended',
  ),
  'batch.vendor_batch': event(
    'info',
    LOG,
    ['batch', 'part', 'vendorBatch', 'items'],
    'the vendor has made a batch of a file of requests, or such a batch was found',
  ),
  'batch.part_settled': event(
    'info',
    LOG,
    ['batch', 'part', 'status', 'left'],
    'its answers are stored; `left` items have none',
  ),
  'batch.part_failed': event(
    'warn',
    { row: 'once for each reason', log: true },
    ['batch', 'part', 'state', 'reason', 'failures', 'since', 'until'],
    'a file makes no progress: a call for it failed, perhaps for a passing reason; it is repeated at `until`',
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
    'answers in a file are lost at the vendor, beyond doubt: the items are called, and paid for, again',
  ),
  'batch.twin': event(
    'warn',
    BOTH,
    ['batch', 'items', 'reason'],
    'the vendor has made two batches of one file: the second is cancelled unless it has ended',
  ),
  'batch.stalled': event(
    'warn',
    BOTH,
    ['batch', 'items', 'reason'],
    "a file's batch makes no progress at the vendor, or has an unknown status; polling goes on",
  ),
  'batch.cancel_fails': event(
    'warn',
    LOG,
    ['batch', 'reason'],
    'a file of a cancelled batch can be neither cancelled nor read at the vendor; tried again each minute',
  ),
} as const;
