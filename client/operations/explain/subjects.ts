/** What can be explained, found by its id. */
import type { Client } from '@temporalio/client';
import { parseIsoInstant } from '../../../quota/instants';
import { byItself } from '../../../quota/pools/standstill';
import type { CausedSpan } from '../../../quota/time-shares';
import { findAccount } from '../../../settings/accounts/accounts';
import { lastSign } from '../../../store/batches/batches';
import { outcomeOf } from '../../../store/commands/commands';
import { batchSpans, readItemLife, readWindowLife, reportSpans } from '../../../store/explain/life-spans';
import type { Backend } from '../backend';
import { showBatch } from '../batches/batches';
import { readWork, type WorkReport } from '../datasets/work';
import { accountWait, readAccountStanding, withWaits } from '../datasets/work-wait';
import { problem } from '../errors';
import { commandStateText, showCommand } from '../fleet/device-commands';
import { readSubjectOf } from '../vehicles/explained-read';
import type { Subject } from './subject';

/** Null for what has the form of no work. @throws OperationError for work that there is not. */
export async function readSubject(backend: Backend, id: string): Promise<Subject | null> {
  const batch = /^(?:batch[: ](?:[^:]+:[^:]+:)?|#)?(\d{1,15})(?:\/(.+))?$/.exec(id);
  if (batch) {
    return batch[2] === undefined
      ? batchSubject(backend, batch[1] ?? '')
      : itemSubject(backend, batch[1] ?? '', batch[2]);
  }
  const command = /^command:(?:[^:]+:)?(.+)$/.exec(id);
  if (command) return commandSubject(backend, command[1] ?? '');
  const window = /^window:([^:]+):([^:]+):(.+)$/.exec(id);
  if (window) return windowSubject(backend, id, window);
  const read = /^read:([^:]+):([^:]+):(.+)$/.exec(id);
  if (read) {
    const [, account = '', vehicle = '', name = ''] = read;
    return readSubjectOf(backend, id, { account, vehicle, read: name });
  }
  const run = /^(sync|backfill|audit):([^:]+):([^:]+)/.exec(id);
  if (run)
    return runSubject(backend, id, run[1] as 'sync' | 'backfill' | 'audit', run[2] ?? '', run[3] ?? '');
  return null;
}

async function batchSubject(backend: Backend, number: string): Promise<Subject> {
  const { batch, counts, wait } = await showBatch(backend, { batch: number });
  const { id, account, state, createdAt } = batch;
  const ended = counts.done + counts.failed >= batch.items || state === 'cancelled';
  return backend.database(async (db) => ({
    ...{ id: `batch:${id}`, kind: 'batch', account, wait, caller: null },
    state: ended && state === 'running' ? 'finished' : state,
    from: createdAt,
    to: ended ? await lastSign(db, id) : null,
    spans: await batchSpans(db, id, poolOf(backend, account)),
  }));
}

async function itemSubject(backend: Backend, number: string, item: string): Promise<Subject> {
  const whole = await batchSubject(backend, number);
  const life = await backend.database((db) => readItemLife(db, Number(number), item));
  if (life === null) throw problem('NOT_FOUND', 'id', `batch ${number} has no item "${item}"`);
  const { state, attempts, nextAttemptAt, answeredAt, evidence } = life;
  const ended = state === 'done' || state === 'failed';
  const words = evidence?.message ?? '';
  const retry =
    state === 'retry'
      ? {
          what: `item ${item}`,
          why: `to be tried again after ${attempts} tries${words === '' ? '' : `: ${words}`}`,
          ...{ since: null, until: nextAttemptAt, frees: byItself() },
        }
      : null;
  return {
    ...whole,
    ...{ id: `batch:${number}/${item}`, kind: 'item', state },
    to: ended ? (answeredAt ?? whole.to ?? Date.now()) : null,
    wait: ended || state === 'running' ? null : (whole.wait ?? retry),
    ...(whole.wait === null && retry !== null
      ? { evidence: { pool: null, limit: null, words, code: null, requestId: evidence?.requestId ?? null } }
      : {}),
  };
}

async function commandSubject(backend: Backend, given: string): Promise<Subject> {
  const command = await showCommand(backend, { command: given });
  const { id, account, state, createdAt, sentAt, endedAt } = command;
  const ended = outcomeOf(command) !== null;
  const sent: CausedSpan[] =
    sentAt === null || state === 'created'
      ? []
      : [{ cause: 'vendor', from: sentAt, to: endedAt ?? Number.POSITIVE_INFINITY }];
  const wait = ended
    ? null
    : await backend.database(async (db) => {
        const what = `command ${id}`;
        if (state === 'queued') {
          return {
            what,
            why: 'the vendor has it, and has not told its result',
            since: sentAt,
            until: null,
            frees: byItself(),
          };
        }
        const standing = await readAccountStanding(db, account, poolOf(backend, account));
        return accountWait(what, standing, null, Date.now());
      });
  return {
    ...{
      id: `command:${id}`,
      kind: 'command',
      state: commandStateText(command),
      from: createdAt,
      to: endedAt,
    },
    ...{ wait, account, spans: sent, caller: null },
  };
}

async function windowSubject(backend: Backend, id: string, match: RegExpExecArray): Promise<Subject> {
  const [, dataset = '', account = '', instant = ''] = match;
  const at = parseIsoInstant(instant);
  if (at === null) throw problem('INVALID_INPUT', 'id', `"${instant}" is not an instant with its zone`);
  return backend.database(async (db) => {
    const life = await readWindowLife(db, dataset, account, at);
    if (life === null) {
      throw problem(
        'NOT_FOUND',
        'id',
        `nothing is known of ${dataset} of ${account} at ${instant}: it is a gap`,
      );
    }
    const { state, reason, requestId, retryAt, from, to } = life;
    const over = to !== null && state !== 'failed';
    const own = {
      what: id,
      why: reason ?? `its report is ${state}`,
      since: to ?? from,
      until: retryAt,
      frees: byItself(),
    };
    const standing = await readAccountStanding(db, account, poolOf(backend, account));
    const stopped = accountWait(id, standing, null, Date.now());
    return {
      ...{ id, kind: 'window', state, from, to, account, caller: dataset },
      wait: over ? null : to !== null ? own : (stopped ?? own),
      spans: await reportSpans(db, dataset, account, { from: at, to: at + 1 }),
      ...(to === null && stopped !== null
        ? {}
        : { evidence: { pool: null, limit: null, words: reason ?? '', code: null, requestId } }),
    };
  });
}

async function runSubject(
  backend: Backend,
  id: string,
  kind: 'sync' | 'backfill' | 'audit',
  dataset: string,
  account: string,
): Promise<Subject> {
  const { report, life } = await backend.temporal(async (client) => ({
    report: await readWork(client, id),
    life: await lifeOf(client, id),
  }));
  if (life === null) throw problem('NOT_FOUND', 'id', `there is no run ${id}`);
  const kept: WorkReport = life.scheduled ? { ...report, running: true } : report;
  const [{ wait } = { wait: null }] = await withWaits(backend, [kept], Date.now());
  const { status } = report;
  const paused: CausedSpan[] =
    status?.phase === 'paused' && status.since !== undefined
      ? [{ cause: 'person', from: status.since, to: Number.POSITIVE_INFINITY }]
      : [];
  const spans = await backend.database((db) => reportSpans(db, dataset, account, null));
  return {
    ...{ id, kind, account, wait, caller: dataset, from: life.from, to: life.to },
    state: status?.phase ?? (life.to === null ? 'running' : 'ended'),
    spans: [...paused, ...spans],
    rest: kind === 'sync' ? 'idle' : 'calling',
  };
}

interface Life {
  readonly from: number;
  readonly to: number | null;
  readonly scheduled: boolean;
}

/** Of a workflow, or of the schedule that begins its runs; null for neither. */
async function lifeOf(client: Client, id: string): Promise<Life | null> {
  try {
    const { startTime, closeTime } = await client.workflow.getHandle(id).describe();
    return { from: startTime.getTime(), to: closeTime?.getTime() ?? null, scheduled: false };
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  try {
    const { info } = await client.schedule.getHandle(id).describe();
    return { from: info.createdAt.getTime(), to: null, scheduled: true };
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** gRPC's NOT_FOUND, as itself or as what the SDK makes of it. */
function isNotFound(error: unknown): boolean {
  const { name, code, cause } = error as { name?: string; code?: unknown; cause?: unknown };
  return (
    name === 'WorkflowNotFoundError' ||
    name === 'ScheduleNotFoundError' ||
    code === 5 ||
    (cause !== undefined && isNotFound(cause))
  );
}

function poolOf({ settings }: Backend, account: string): string {
  return account in settings.accounts ? findAccount(settings, account).poolKey : '';
}
