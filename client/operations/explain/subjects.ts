/** What can be explained, found by its id. */
import type { Pool } from 'pg';
import { parseIsoInstant } from '../../../quota/instants';
import { byItself, type Standstill } from '../../../quota/pools/standstill';
import { betweenTries, type CausedSpan } from '../../../quota/time-shares';
import { lastSign } from '../../../store/batches/batches';
import { type Command, outcomeOf } from '../../../store/commands/commands';
import {
  batchSpans,
  operatorSpans,
  pausedRuns,
  readItemLife,
  readWindowLife,
  readWindowTries,
  reportSpans,
  type WindowTry,
} from '../../../store/explain/life-spans';
import type { CommandsApi } from '../../../vendors/capabilities/commands';
import type { ReportApi } from '../../../vendors/capabilities/reports';
import type { Backend } from '../backend/backend';
import { showBatch } from '../batches/batches';
import { accountWait, forDataset, readAccountStanding, subjectOf, usedUpWait } from '../datasets/work-wait';
import { problem } from '../errors';
import { commandStateText, showCommand } from '../fleet/device-commands';
import { readSubjectOf } from '../vehicles/explained-read';
import { accountKnown, poolOf } from './orders';
import { type RunKind, runSubject } from './runs';
import type { Subject, WaitEvidence } from './subject';

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
  if (/^(sync|backfill|audit):[^:]+:[^:]+/.test(id) || /^polling:[^:]+$/.test(id))
    return runSubject(backend, id, id.slice(0, id.indexOf(':')) as RunKind);
  return null;
}

const said = (words: string, requestId: string | null = null): WaitEvidence => ({
  ...{ pool: null, limit: null, code: null, by: null },
  ...{ words, requestId },
});

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
    pausedAs: state === 'paused' ? `batch:${id}` : null,
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
    ...(state === 'failed' || (whole.wait === null && retry !== null)
      ? { evidence: said(words, evidence?.requestId) }
      : {}),
  };
}

/** What keeps a command from being sent, or its result from being polled for; null when the vendor is at work, or nobody. */
export async function commandHold(
  db: Pool,
  backend: Pick<Backend, 'settings'>,
  command: Pick<Command, 'id' | 'account' | 'state' | 'device' | 'code' | 'params' | 'createdAt' | 'sentAt'>,
): Promise<Standstill | null> {
  const { id, account, state, createdAt, sentAt } = command;
  const known = accountKnown(backend, account);
  const ofAccount = await readAccountStanding(db, known);
  const what = `command ${id}`;
  const now = Date.now();
  const calls = callsOfCommand(known.parts?.commands, command);
  // A result is polled for by other calls than the command's own, which a closed pool holds as it holds all.
  const standing = state === 'queued' ? { ...ofAccount, stops: [] } : ofAccount;
  if (ofAccount.calls === null || calls === null) {
    return accountWait(what, state === 'queued' ? { ...standing, limits: [] } : standing, null, now);
  }
  const attributes = { ...ofAccount.calls.attributes, ...calls.attributes };
  const { operations } = calls;
  const own = { ...standing, calls: { ...ofAccount.calls, operations, attributes } };
  const held = accountWait(what, own, null, now);
  if (held !== null || state === 'sending') return held;
  return usedUpWait(what, own, { operations, subject: null }, sentAt ?? createdAt, now);
}

/** The calls that are next for a command. Null where its account takes none, as far as the settings know. */
function callsOfCommand(
  api: CommandsApi | undefined,
  { state, device, code, params }: Pick<Command, 'state' | 'device' | 'code' | 'params'>,
): { readonly operations: readonly string[]; readonly attributes: Readonly<Record<string, string>> } | null {
  if (api === undefined) return null;
  const wanted = { deviceId: device, code, params };
  const operations =
    state === 'queued' ? [api.results.operation] : api.forms.map((form) => form.operation(wanted));
  return { operations, attributes: { [api.deviceAttribute]: device } };
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
        const held = await commandHold(db, backend, command);
        if (held !== null || state !== 'queued') return held;
        const why = 'the vendor has it, and has not given its result yet';
        return { what: `command ${id}`, why, since: sentAt, until: null, frees: byItself() };
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
      const isKept = backend.settings.datasets.some(
        (one) => one.dataset === dataset && one.account === account,
      );
      throw problem(
        'NOT_FOUND',
        'id',
        isKept
          ? `nothing is known of ${dataset} of ${account} at ${instant}: it is a gap`
          : `the settings have no dataset ${dataset} of account ${account}`,
      );
    }
    const { state, reason, requestId, retryAt, to, series } = life;
    const tries = await readWindowTries(db, series, at);
    // From the first report on: what came before the last one is a part of its life as well.
    const from = Math.min(life.from, ...tries.map((one) => one.from));
    const { resting, retries } = betweenTries(tries);
    // What has failed and is tried again is not over.
    const failedAt = state === 'failed' && retryAt !== null ? to : null;
    const over = to !== null && failedAt === null;
    const why = reason ?? `its report is ${state}`;
    const own = { what: id, why, since: to ?? life.from, until: retryAt, frees: byItself() };
    const known = accountKnown(backend, account);
    const standing = forDataset(await readAccountStanding(db, known), dataset);
    const calls = subjectOf(`window:${dataset}`);
    const now = Date.now();
    const step = stepOf(state, known.parts?.reports?.operations);
    const stopped =
      accountWait(id, standing, calls, now) ??
      (step === null
        ? null
        : usedUpWait(id, standing, { operations: [step], subject: calls }, life.from, now));
    return {
      ...{ id, kind: 'window', state, from, to: over ? to : null, account, caller: dataset },
      calls,
      wait: over ? null : failedAt !== null ? own : (stopped ?? own),
      resting,
      spans: [
        ...retries,
        ...(await runPauses(db, dataset, account, { at, tries })),
        ...(failedAt === null
          ? []
          : [{ cause: 'vendor' as const, from: failedAt, to: Number.POSITIVE_INFINITY }]),
        ...(await reportSpans(db, dataset, account, { from: at, to: at + 1 })),
      ],
      ...((!over && failedAt === null && stopped !== null) || (over && state !== 'failed')
        ? {}
        : { evidence: said(why, requestId) }),
    };
  });
}

/** The call that takes a report on from its state; the polls of one that is being made are no matter of a limit. */
function stepOf(state: string, operations: ReportApi['operations'] | undefined): string | null {
  if (operations === undefined) return null;
  return state === 'intended' ? operations.create : state === 'ready' ? operations.document : null;
}

/** Pauses by hand of the runs that this window is fetched by. */
async function runPauses(
  db: Pool,
  dataset: string,
  account: string,
  { at, tries }: { readonly at: number; readonly tries: readonly WindowTry[] },
): Promise<CausedSpan[]> {
  const bySync = tries.some(({ purpose }) => purpose !== 'backfill');
  const runs = (await pausedRuns(db, dataset, account)).filter((id) => {
    const [, from = '', to = ''] = /^(?:backfill|audit):[^:]+:[^:]+:(.+)\.\.(.+)$/.exec(id) ?? [];
    const [first, last] = [parseIsoInstant(`${from}Z`), parseIsoInstant(`${to}Z`)];
    return first === null || last === null ? bySync : first <= at && at < last;
  });
  return (await Promise.all(runs.map((id) => operatorSpans(db, id)))).flat();
}
