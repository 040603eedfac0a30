/** Events of workers, the processes of `up`, and settings. */
import { BOTH, event, LOG, ROW } from './kind';

export const PROCESS_EVENTS = {
  'settings.published': event(
    'info',
    ROW,
    ['generation', 'by'],
    'a worker with changed settings has started, or an operator has published settings: from now on they define the pool and its limits',
  ),
  'settings.superseded': event(
    'warn',
    BOTH,
    ['by', 'generation', 'publishedBy'],
    'a worker has started with settings older than the current ones, or different from them; they change neither the pool nor its limits',
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
    'a process of `up --detach` gave no sign of life, frozen or in an endless loop: it was killed and started again',
  ),
  'worker.started': event('info', LOG, ['taskQueue'], 'a worker has begun to take work'),
  'worker.stopping': event(
    'info',
    LOG,
    ['signal'],
    'a worker finishes what it has begun, and takes nothing new',
  ),
} as const;
