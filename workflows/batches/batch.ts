/**
 * Runs a batch to its end: pages of items as activities, pauses of the pool and waits for retries as durable sleeps.
 * A page runs for minutes, so a thousand items cost a few dozen events.
 */
import {
  condition,
  continueAsNew,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { BatchActivities } from '../../activities/batches/batch';
import type { BatchRef, BatchSnapshot, PageOutcome } from '../../activities/batches/types';
import {
  type BatchStatus,
  batchStatusQuery,
  cancelSignal,
  lookSignal,
  orderReason,
  pauseSignal,
  resumeSignal,
} from '../messages';
import { HistoryIsFull, PoolGate } from '../pools/pool-gate';
import { roomActivities } from '../rooms';

/** A page that is silent for this long is taken for dead, and its items are handed out again. */
const { runBatchPage } = roomActivities<BatchActivities>('texts', {
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '15 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});
const { setBatchState, readBatchSnapshot } = proxyActivities<BatchActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
});

const PAGE_MS = 10 * 60_000;
/** A page leaves some ten events; continue as new long before the server's limit. */
const EVENTS_BEFORE_CONTINUE = 4000;

export interface BatchInput extends BatchRef {
  /** Carried over continue-as-new. */
  readonly concurrency?: number;
  /** It is being cancelled, for this reason; carried over, too. */
  readonly cancelling?: string;
  /** For tests of continue-as-new; carried over, too. */
  readonly eventsBeforeContinue?: number;
}

export interface BatchSummary {
  readonly items: number;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: boolean;
}

/** Null where the gate has waited so long that a new history is to go on. */
const nullWhenFull = (error: unknown): null => {
  if (error instanceof HistoryIsFull) return null;
  throw error;
};

export async function batch(input: BatchInput): Promise<BatchSummary> {
  const { batchId } = input;
  const gate = new PoolGate('wait');
  let wanted: { readonly state: 'paused' | 'cancelled'; readonly reason: string } | null = null;
  let looks = 0;
  setHandler(pauseSignal, (pause) => {
    if (wanted?.state !== 'cancelled') wanted = { state: 'paused', reason: orderReason(pause) };
  });
  let resumed = false;
  let resumes = 0;
  setHandler(resumeSignal, () => {
    resumes++;
    if (wanted?.state === 'paused') wanted = null;
    resumed = wanted !== null;
  });
  setHandler(cancelSignal, (cancel) => {
    wanted = { state: 'cancelled', reason: orderReason(cancel) };
    gate.nudge();
  });
  setHandler(lookSignal, () => {
    looks++;
    gate.nudge();
  });

  let known: BatchSnapshot | null = null;
  let retryAt: number | null = null;
  /** Items are at the vendor in files, or may be. */
  let byFiles = false;
  let waitsFor = '';
  const status = (): BatchStatus => {
    const closed = gate.closed ?? gate.waiting;
    const over = known !== null && isOver(known);
    return {
      phase:
        wanted?.state ??
        (known === null
          ? 'starting'
          : over
            ? 'done'
            : closed
              ? 'waiting for quota'
              : retryAt !== null
                ? byFiles
                  ? 'waiting for the vendor'
                  : 'waiting for retries'
                : 'running'),
      detail: wanted?.reason ?? closed?.reason ?? (retryAt === null ? '' : waitsFor),
      until: wanted === null ? (closed?.until ?? retryAt) : null,
      items: known?.items ?? 0,
      done: known?.counts.done ?? 0,
      failed: known?.counts.failed ?? 0,
    };
  };
  setHandler(batchStatusQuery, status);
  const describe = () => known && setCurrentDetails(detailsOf(batchId, known, status()));
  gate.onChange = describe;

  // What stands in Postgres is what pages obey; it follows what is wanted here, as soon as it is wanted.
  const told = { state: 'running', reason: '' };
  let isTelling = false;
  const tell = async () => {
    for (;;) {
      const state = wanted?.state ?? 'running';
      const reason = wanted?.reason ?? '';
      if (told.state !== state || told.reason !== reason) {
        isTelling = true;
        await setBatchState({ batchId, state, reason });
        isTelling = false;
        Object.assign(told, { state, reason });
        describe();
      }
      await condition(() => (wanted?.state ?? 'running') !== told.state);
    }
  };

  known = await readBatchSnapshot({ batchId });
  byFiles = known.byFiles === true;
  if (input.cancelling !== undefined && !resumed) wanted = { state: 'cancelled', reason: input.cancelling };
  else if (known.state === 'paused' && wanted === null) wanted = { state: 'paused', reason: known.reason };
  Object.assign(told, { state: known.state, reason: known.reason });
  const telling = tell();
  const orTold = <T>(work: Promise<T>): Promise<T> => Promise.race([work, telling as Promise<never>]);
  let concurrency = input.concurrency ?? null;

  for (;;) {
    describe();
    if (wanted !== null) {
      await orTold(condition(() => wanted === null || wanted.state === 'cancelled'));
      if (wanted !== null) break;
    }
    // A page must not begin before Postgres says that it may.
    await orTold(condition(() => (told.state === 'running' && !isTelling) || wanted !== null));
    if (wanted !== null) continue;
    const { historyLength, continueAsNewSuggested } = workflowInfo();
    if (continueAsNewSuggested || historyLength > (input.eventsBeforeContinue ?? EVENTS_BEFORE_CONTINUE)) {
      await continueAsNew<typeof batch>({ ...input, ...(concurrency === null ? {} : { concurrency }) });
    }
    const looked = looks;
    const resumedBefore = resumes;
    const page: PageOutcome | null = await orTold(
      Promise.race([
        gate
          .run(async () => (wanted === null ? runBatchPage({ batchId, concurrency, maxMs: PAGE_MS }) : null))
          .catch(nullWhenFull),
        // A cancelled batch does not wait for its pool to open.
        condition(() => wanted?.state === 'cancelled' && gate.closed !== null).then(() => null),
      ]),
    );
    if (page === null) continue;
    concurrency = page.concurrency;
    known = { ...known, counts: page.counts };
    byFiles = page.openParts !== undefined;
    waitsFor = page.detail;
    if (page.end === 'refused') {
      const refused = { state: 'paused', reason: page.detail } as const;
      Object.assign(told, refused);
      // A cancellation that has come meanwhile stays wanted. The cast: signals change it, unseen by the compiler.
      const isCancelled = (wanted as { state: string } | null)?.state === 'cancelled';
      // Postgres has told of the pause before this does: whoever resumed meanwhile has seen it there.
      if (resumes > resumedBefore && !isCancelled && patched('resumed-while-refused')) continue;
      if (!isCancelled || !patched('cancelled-while-refused')) wanted = refused;
      continue;
    }
    if (isOver(known)) break;
    if (page.end === 'nothing due') {
      retryAt = page.counts.nextDueAt;
      describe();
      const waitMs = Math.max(500, (retryAt ?? Date.now() + 10_000) - Date.now());
      await orTold(condition(() => wanted !== null || looks > looked, waitMs));
      retryAt = null;
    }
  }
  // The cancellation's own word to Postgres, should it not have gone out yet.
  if (wanted !== null && told.state !== 'cancelled') {
    await setBatchState({ batchId, state: 'cancelled', reason: (wanted as { reason: string }).reason });
  }
  if (wanted !== null && byFiles) {
    // What is at the vendor is cancelled there, and what it has answered is kept.
    for (;;) {
      const looked = looks;
      const page = await Promise.race([
        gate.run(() => runBatchPage({ batchId, concurrency, maxMs: PAGE_MS })).catch(nullWhenFull),
        condition(() => resumed).then(() => null),
      ]);
      if (page === null || resumed) {
        const { cancelling: _, ...anew } = input;
        const { reason } = wanted as { reason: string };
        return await continueAsNew<typeof batch>(resumed ? anew : { ...anew, cancelling: reason });
      }
      known = { ...known, counts: page.counts };
      describe();
      if ((page.openParts ?? 0) === 0) break;
      const waitMs = Math.max(500, (page.counts.nextDueAt ?? Date.now() + 10_000) - Date.now());
      await condition(() => resumed || looks > looked, waitMs);
    }
  }
  describe();
  const { items, counts } = known;
  return { items, done: counts.done, failed: counts.failed, cancelled: wanted !== null };
}

function isOver({ items, counts }: BatchSnapshot): boolean {
  return counts.done + counts.failed >= items;
}

function detailsOf(batchId: number, b: BatchSnapshot, s: BatchStatus): string {
  const lines = [
    `**Batch ${batchId}**: ${b.kind} for ${b.account}, ${b.inputName}, model ${b.model}`,
    `${s.done}/${s.items} done, ${s.failed} failed: **${s.phase}**`,
  ];
  if (s.until !== null) lines.push(`Until: **${new Date(s.until).toISOString()}**`);
  if (s.detail) lines.push(`Why: ${s.detail}`);
  return lines.join('\n\n');
}
