/** One page of a batch: items are claimed, called through the gateway, and their results stored as they arrive. */
import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import { type KnownPace, startingConcurrency } from '../../quota/batches/concurrency';
import { dayZone, fileCap, runCap, runTerms } from '../../quota/batches/run-terms';
import type { Verdict } from '../../quota/verdict';
import { type Account, limitsOfCall } from '../../settings/accounts/accounts';
import { type Batch, readBatch, setBatchState } from '../../store/batches/batches';
import { type ClaimedItem, claimItems, renewLeases } from '../../store/batches/claims';
import { countItems } from '../../store/batches/items';
import { type ItemOutcome, storeOutcomes } from '../../store/batches/outcomes';
import { keepPace } from '../../store/batches/pace';
import type { TextApi } from '../../vendors/capabilities/texts';
import type { CallResult } from '../../vendors/contract';
import { renderPrompt } from '../../vendors/prompt';
import { CallFailed, PermitWait, PoolClosed, Unsatisfiable } from '../gateway/call-errors';
import type { CallTerms, TokenSource } from '../gateway/call-terms';
import { sendForText } from '../gateway/http/http';
import type { Spool } from '../gateway/spool/spool';
import type { VendorGateway } from '../gateway/vendor-call';
import { warnOnce } from '../log/warn-once';
import { type AlikeWatch, alikeReason } from './alike-watch';
import {
  answeredOutcome,
  behindOthers,
  evidenceOf,
  type JudgedOutcome,
  refusedOutcome,
} from './item-outcome';
import { BatchJournal } from './journal';
import { OutcomeWriter } from './outcome-writer';
import { type CallEnd, PageRunner } from './page-runner';
import { BatchQuota } from './quota';
import type { PageInput, PageOutcome } from './types';

export interface PageDeps {
  readonly db: Pool;
  readonly gateway: VendorGateway;
  readonly log: Logger;
  readonly dispatcher: Dispatcher;
  readonly inlineWaitMs: number;
  /** Aborted when the worker is to end: pages begin nothing more. */
  readonly stopping: AbortSignal;
  /** Keeps answers on disk while Postgres is away; null: in memory only. */
  readonly spool: Spool | null;
}

/** Outcomes as they are kept on disk. */
export interface SpooledOutcomes {
  readonly batch: number;
  readonly owner: string;
  readonly outcomes: readonly ItemOutcome[];
}

/** Their kind among spooled entries. */
export const BATCH_OUTCOMES = 'batch-outcomes';

export interface PageContext {
  readonly batch: Batch;
  readonly account: Account;
  readonly api: TextApi;
  readonly auth: TokenSource;
  readonly input: PageInput;
  /** What the last page has left; null when it left nothing. */
  readonly pace: KnownPace | null;
  readonly alike: AlikeWatch;
  readonly signal: AbortSignal;
  /** Called every second. */
  readonly onProgress: (progress: { readonly inFlight: number; readonly ended: number }) => void;
}

/** A dead page's items are handed out again after this; longer than a heartbeat's silence is not needed, ms. */
const LEASE_MS = 20_000;
const RENEW_MS = 5000;
const TICK_MS = 1000;
/** Output tokens expected of the first answers, where nothing caps them. */
const FIRST_OUTPUT = 400;

/** What all items have in common is refused: no item is to blame. */
class BatchRefused extends Error {
  override readonly name = 'BatchRefused';
}

export class BatchPage {
  private readonly owner = randomUUID();
  private readonly writer: OutcomeWriter<ItemOutcome>;
  private readonly runner: PageRunner<ClaimedItem>;
  private readonly quota: BatchQuota;
  private readonly journal: BatchJournal;
  private readonly alike: AlikeWatch;
  private expectedOutput = FIRST_OUTPUT;
  private ended = 0;
  private notRunning = false;
  private refused: BatchRefused | null = null;
  private keptPace: number | null = null;

  constructor(
    private readonly deps: PageDeps,
    private readonly context: PageContext,
  ) {
    const { batch, account, api, input, pace } = context;
    const { id, options, priority } = batch;
    const pool = account.poolKey;
    this.quota = new BatchQuota(deps, {
      batch: id,
      pool,
      terms: runTerms(api, options),
      charged: new Set(
        limitsOfCall(account, api.operation, api.attributes(batch.model)).map(({ key }) => key),
      ),
      cap: runCap(account.limits, api, options, priority),
      ...(account.parts.textBatches && {
        files: { zone: dayZone(account.limits), cap: fileCap(account.limits, api, options, priority) },
      }),
    });
    this.alike = context.alike;
    this.journal = new BatchJournal(deps, { batch: id, pool });
    const { owner } = this;
    this.writer = new OutcomeWriter((outcomes) => storeOutcomes(deps.db, batch.id, owner, outcomes), {
      stopping: deps.stopping,
      spool: deps.spool && {
        to: deps.spool,
        kind: BATCH_OUTCOMES,
        wrap: (outcomes): SpooledOutcomes => ({ batch: batch.id, owner, outcomes }),
      },
    });
    const max = batch.options.maxConcurrency ?? api.concurrency.max;
    const policy = { ...api.concurrency, min: Math.min(api.concurrency.min, max), max };
    const { start, reason } = startingConcurrency(policy, input.concurrency, pace);
    this.journal.begins(start, reason);
    this.runner = new PageRunner<ClaimedItem>({
      policy,
      concurrency: start,
      endAt: performance.now() + input.maxMs,
      claim: (count) => claimItems(deps.db, batch.id, this.owner, count, LEASE_MS),
      release: async (items) => {
        await Promise.all(items.map(({ seq }) => this.writer.write({ seq, state: 'released' })));
      },
      call: (item, departed) => this.callItem(item, departed),
      quotaUse: () => this.quota.use,
      onDecision: (decision) => this.journal.concurrency(decision),
    });
  }

  /** @throws PermitWait, PoolClosed, and failures of the surroundings; every item has been dealt with before. */
  async run(): Promise<PageOutcome> {
    const { signal } = this.context;
    const stop = () => this.runner.stop();
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    let lastRenewal = performance.now();
    let ticking: Promise<void> | null = null;
    let endedWell = false;
    const timer = setInterval(() => {
      this.context.onProgress({ inFlight: this.runner.running, ended: this.ended });
      const renew = performance.now() - lastRenewal >= RENEW_MS;
      if (renew) lastRenewal = performance.now();
      ticking ??= this.tick(renew).finally(() => {
        ticking = null;
      });
    }, TICK_MS);
    try {
      const end = await this.runner.run();
      endedWell = true;
      return await this.outcome(this.notRunning && end !== 'time is over' ? 'not running' : end, '');
    } catch (thrown) {
      // Another call may have met a closed pool before: that the run cannot go on as it is counts for more.
      const error = this.refused ?? thrown;
      if (error instanceof PermitWait) throw await this.quota.paused(error);
      if (!(error instanceof BatchRefused)) throw error;
      const { batch, account } = this.context;
      const origin = { by: 'vendor', pool: account.poolKey };
      await setBatchState(this.deps.db, batch.id, 'paused', error.message, origin);
      this.journal.refused(error.message);
      return await this.outcome('refused', error.message);
    } finally {
      clearInterval(timer);
      signal.removeEventListener('abort', stop);
      await ticking;
      await this.leavePace(endedWell).catch(() => undefined);
      await this.quota.watch().catch(() => undefined);
      await this.journal.close().catch(() => undefined);
    }
  }

  private async outcome(end: PageOutcome['end'], detail: string): Promise<PageOutcome> {
    const counts = await countItems(this.deps.db, this.context.batch.id);
    return { end, counts, concurrency: this.runner.concurrency, detail };
  }

  /** Database down: the leases last a while, and the next tick comes. */
  private async tick(renew: boolean): Promise<void> {
    const { batch } = this.context;
    const { db } = this.deps;
    try {
      if (renew) await this.writer.between(() => renewLeases(db, batch.id, this.owner, LEASE_MS));
      await this.rememberPace(renew);
      const now = await readBatch(db, batch.id);
      if (now?.state !== 'running') {
        this.notRunning = true;
        this.runner.stop();
      } else if (!sameTerms(now, batch)) this.runner.stop();
      if (renew || this.quota.capped) await this.quota.watch();
    } catch (error) {
      warnOnce(this.deps.log, { batch: batch.id }, error, 'the state of the batch could not be read');
    }
  }

  /** For the page after this one, should this one be killed. @param again also when it is as it was. */
  private async rememberPace(again: boolean): Promise<void> {
    const { good } = this.runner;
    if (good === null || (good === this.keptPace && !again)) return;
    await keepPace(this.deps.db, this.context.batch.id, good, false);
    this.keptPace = good;
  }

  private async leavePace(endedWell: boolean): Promise<void> {
    if (endedWell) await keepPace(this.deps.db, this.context.batch.id, this.runner.concurrency, true);
    else await this.rememberPace(true);
  }

  private async callItem(item: ClaimedItem, departed: () => void): Promise<CallEnd> {
    try {
      await this.quota.enter();
    } catch (error) {
      return this.afterError(item, error, null, 0);
    }
    let sent = false;
    const leave = () => {
      if (!sent) this.quota.exit(true);
      sent = true;
      departed();
    };
    try {
      const end = await this.callOnce(item, leave);
      if (end !== 'not sent') await this.quota.going();
      return end;
    } finally {
      if (!sent) this.quota.exit(false);
    }
  }

  private async callOnce(item: ClaimedItem, departed: () => void): Promise<CallEnd> {
    const { batch, api } = this.context;
    const { acceptedAt, waitMs } = await this.alike.standing(item, this.context.account.poolKey);
    if (waitMs > 0) {
      await this.write({ seq: item.seq, state: 'later', waitMs });
      return 'not sent';
    }
    let answer: CallResult | null = null;
    try {
      const request = api.request(
        { model: batch.model, prompt: batch.prompt, maxOutputTokens: batch.options.maxOutputTokens },
        renderPrompt(batch.prompt, item.variables),
      );
      await this.deps.gateway.call({
        ...this.terms(item),
        isItsOwn: (verdict) => this.alike.isItsOwn(item, verdict, acceptedAt),
        tokens: api.estimate(request, Math.ceil(this.expectedOutput)),
        send: async (key, signal, pass) => {
          departed();
          answer = await sendForText(api.authorize(api.post(request), key ?? ''), {
            dispatcher: this.deps.dispatcher,
            timeoutMs: api.timeoutMs,
            withinMs: api.timeoutMs,
            signal,
            pass,
          });
          return answer;
        },
        tokensUsed: (result: CallResult) => this.tokensUsed(result),
      });
    } catch (error) {
      return this.afterError(item, error, answer, acceptedAt);
    }
    return this.keep(item, bodyOf(answer));
  }

  private terms(item: ClaimedItem): CallTerms {
    const { batch, account, api, auth } = this.context;
    return {
      account,
      operation: api.operation,
      attributes: api.attributes(batch.model),
      priority: batch.priority,
      caller: batch.kind,
      auth,
      attempt: item.attempts + 1,
      inlineWaitMs: this.deps.inlineWaitMs,
      tellsWaits: true,
    };
  }

  private tokensUsed(result: CallResult): number | undefined {
    const used = result.kind === 'response' ? this.context.api.used(result.response.body) : undefined;
    if (used) this.expectedOutput = this.expectedOutput * 0.95 + used.output * 0.05;
    return used?.total;
  }

  /** Stores an answer that came as usable: its text, or why it is none. */
  private async keep(item: ClaimedItem, body: string): Promise<CallEnd> {
    const judged = answeredOutcome(this.context.api, item.seq, body);
    if (judged.alike === null) this.alike.usable();
    return this.writeJudged(item, judged, null);
  }

  /**
   * Stores what became of an item.
   * @param verdict what it was refused with. @throws what follows when several items before it got the same answer.
   */
  private async writeJudged(
    item: ClaimedItem,
    { outcome, alike }: JudgedOutcome,
    verdict: Verdict | null,
  ): Promise<CallEnd> {
    if (alike === null || outcome.state === 'done' || outcome.state === 'released') {
      await this.write(outcome);
      return outcome.state === 'done' ? 'succeeded' : 'failed';
    }
    const mark = this.alike.mark(item, alike);
    const evidence = { ...outcome.evidence, ...mark };
    await this.write({ ...outcome, evidence });
    const inRow = await this.alike.judge(item, mark);
    if (inRow) {
      if (verdict?.kind === 'blocked' || verdict?.kind === 'quota' || verdict?.kind === 'auth') {
        throw await this.deps.gateway.apply(this.terms(item), verdict);
      }
      throw this.refuse(alikeReason(alike, inRow, evidence.reason));
    }
    return outcome.state === 'retry' ? 'failed' : 'unusable';
  }

  private async write(outcome: ItemOutcome): Promise<void> {
    await this.writer.write(outcome);
    if (outcome.state !== 'done' && outcome.state !== 'failed') return;
    this.ended++;
    const { batch, api } = this.context;
    const { logInterval } = runTerms(api, batch.options);
    if (this.ended % logInterval === 0) this.journal.progress(this.ended, this.runner.running);
  }

  /** @param acceptedAt when anything of the account was last known to be accepted, epoch ms; 0 for never. */
  private async afterError(
    item: ClaimedItem,
    error: unknown,
    answer: CallResult | null,
    acceptedAt: number,
  ): Promise<CallEnd> {
    const { seq } = item;
    const isItsOwn = (verdict: Verdict) =>
      !isOfAll(verdict) || this.alike.isItsOwn(item, verdict, acceptedAt);
    if (error instanceof CallFailed && isItsOwn(error.verdict)) {
      const { verdict, waitMs, retryable } = error;
      const judged = refusedOutcome(seq, verdict, waitMs, retryable);
      if (judged.outcome.state === 'retry') this.journal.retry(item, evidenceOf(verdict), waitMs);
      return this.writeJudged(item, judged, verdict);
    }
    if (error instanceof Unsatisfiable || error instanceof RangeError) {
      await this.write({ seq, state: 'failed', evidence: { kind: 'invalid', reason: error.message } });
      return 'not sent';
    }
    const closed = error instanceof PoolClosed || error instanceof PermitWait;
    const refusal = error instanceof CallFailed || error instanceof PoolClosed ? error.verdict : null;
    if (refusal !== null) {
      await this.write(behindOthers(seq, refusal, item.putBack, Date.now()));
      await this.alike.ofAll(refusal);
    } else if (!closed && isUsable(answer)) {
      // The answer came, only its booking failed: it has been paid for.
      await this.write(answeredOutcome(this.context.api, seq, bodyOf(answer)).outcome);
    } else await this.write({ seq, state: 'released' });
    throw error instanceof CallFailed ? this.refuse(error.message) : error;
  }

  private refuse(reason: string): BatchRefused {
    this.refused ??= new BatchRefused(reason);
    return this.refused;
  }
}

/** True of what all items have in common, whichever of them met it. */
function isOfAll(verdict: Verdict): boolean {
  return verdict.kind === 'gone' && verdict.ofRequest !== true;
}

/** A run that was given other terms goes on with them in a page of its own. */
function sameTerms(a: Batch, b: Batch): boolean {
  return a.priority === b.priority && JSON.stringify(a.options) === JSON.stringify(b.options);
}

function bodyOf(result: CallResult | null): string {
  return result?.kind === 'response' ? result.response.body : '';
}

function isUsable(result: CallResult | null): boolean {
  return result?.kind === 'response' && result.response.status === 200;
}
