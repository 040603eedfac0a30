/** Events of documents, windows and fleets' data. */
import { event, LOG, ROW } from './kind';

const WINDOW_FIELDS = ['dataset', 'account', 'partition', 'from', 'to'] as const;

export const DATASET_EVENTS = {
  'fleet.left_out': event(
    'warn',
    LOG,
    ['dataset', 'account', 'operation', 'count', 'malformed', 'problem'],
    "records of an answer that do not match the vendor's contract were left out; once for each problem",
  ),
  'fleet.list_failed': event(
    'warn',
    LOG,
    ['account'],
    "the vendor's list of devices cannot be fetched or used; work goes on with the last one",
  ),
  'fleet.new_devices_failed': event(
    'warn',
    LOG,
    ['account', 'devices'],
    "devices that are new in the list cannot be read; the others' positions go on, and the new ones are tried again after an hour",
  ),
  'report.slow': event(
    'warn',
    ROW,
    ['dataset', 'account', 'partition', 'from', 'to', 'reportId', 'status', 'age', 'requestedAgainAt'],
    'the vendor takes long to make a report: it is polled less and less often, and requested again at `requestedAgainAt`',
  ),
  'report.unanswered': event(
    'warn',
    ROW,
    ['dataset', 'account', 'partition', 'from', 'to', 'reason', 'requests', 'believedAt'],
    "a request for a report got no usable answer: the report may have been made, so it is looked up in the vendor's list, which is trusted from `believedAt` on",
  ),
  'rows.set_aside': event(
    'warn',
    ROW,
    [...WINDOW_FIELDS, 'rows', 'duplicates', 'first?'],
    'rows of a document could not be used and were set aside; the others are stored',
  ),
  'window.doubted': event(
    'warn',
    ROW,
    [...WINDOW_FIELDS, 'hours', 'knownRows', 'reportedRows', 'answers', 'recheckAt', 'believedAfter'],
    'a document holds far fewer rows than are stored: the stored ones stay, and the document is requested again',
  ),
  'window.doubt_over': event(
    'info',
    ROW,
    [...WINDOW_FIELDS, 'hours', 'answers', 'believedHours', 'byOperator'],
    'the rows came again, or the lower number is accepted as true',
  ),
  'window.doubt_accepted': event(
    'info',
    ROW,
    [...WINDOW_FIELDS, 'hours', 'by'],
    'an operator accepts the lower number of rows: the next answer is stored',
  ),
  'window.failed': event(
    'warn',
    ROW,
    [...WINDOW_FIELDS, 'cause', 'reason', 'tries', 'nextTryAt'],
    'a window cannot be fetched now; it is tried again at growing intervals',
  ),
  'window.empty': event(
    'info',
    ROW,
    [...WINDOW_FIELDS, 'cause', 'reason', 'tries'],
    'the vendor has no data for a window: it is provisionally empty',
  ),
} as const;
