/**
 * Reads a file of results as a stream and stores the result of each line, as if the item had been a call of its own.
 * May run again at any time: an item keeps its first result.
 */
import type { Readable } from 'node:stream';
import { type AlikeKey, alikeOf, isOwn, type PutBack, rowNeeded } from '../../../quota/batches/alike';
import { lineRetryMs } from '../../../quota/batches/line-retry';
import type { Verdict } from '../../../quota/verdict';
import { readUsable } from '../../../store/batches/alike';
import { type ItemOutcome, storeOutcomes } from '../../../store/batches/outcomes';
import { type BatchPart, type ItemTries, triesOf } from '../../../store/batches/parts';
import type { BatchResult } from '../../../vendors/capabilities/text-batches';
import type { CallInfo } from '../../../vendors/contract';
import { warnOnce } from '../../log/warn-once';
import { markOf } from '../alike-watch';
import {
  answeredOutcome,
  behindOthers,
  evidenceOf,
  type JudgedOutcome,
  refusedOutcome,
} from '../item-outcome';
import type { ResultFile } from './calls';
import { type BatchApiContext, type BatchApiDeps, BrokenAnswer, DoubtfulAnswer, seqOf } from './types';
import { unpacked } from './unpack';

/** Verdicts about the whole account, whichever call they came with. */
type HoldVerdict = Extract<Verdict, { kind: 'auth' | 'billing' | 'blocked' | 'quota' }>;

/** A refusal in the words for what concerns all: of the account, or of what all requests name. */
interface Common {
  readonly verdict: HoldVerdict | Extract<Verdict, { kind: 'gone' }>;
  readonly key: AlikeKey;
  readonly before: PutBack | null;
}

export interface ResultsRead {
  /** Items that the file has a line of: of several lines for an item one counts, and none for a stranger's. */
  readonly items: number;
  /** The verdict of a line that concerns the whole account, e.g. that a bill is open or a quota used up. */
  readonly hold: HoldVerdict | null;
  /** The reason of a line that concerns every item, e.g. that there is no such model. */
  readonly refused: string | null;
  /** Answers that could be used. */
  readonly usable: number;
}

/** Items of a file that were answered alike, and none of use. */
export interface AlikeItems {
  readonly key: AlikeKey;
  readonly seqs: number[];
  /** Of the last of them; null when it was answered, with what is none. */
  verdict: Verdict | null;
  reason: string;
}

/** Lines stored at once. */
const CHUNK = 500;
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;
const TOO_LONG = { ok: false, problem: `is longer than ${MAX_LINE_BYTES} bytes` } as const;

/**
 * The lines of a stream of UTF-8 without their line feeds; empty ones are left out. Null for one that is longer than
 * `maxBytes`, which is never held in memory.
 */
export async function* textLines(
  source: AsyncIterable<Buffer>,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<string | null> {
  let parts: Buffer[] = [];
  let size = 0;
  const add = (piece: Buffer): void => {
    size += piece.length;
    if (size > maxBytes) parts = [];
    else parts.push(piece);
  };
  const take = (piece: Buffer): string | null => {
    add(piece);
    const line = size > maxBytes ? null : Buffer.concat(parts).toString('utf8').trim();
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of source) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const line = take(chunk.subarray(from, at));
      from = at + 1;
      if (line !== '') yield line;
    }
    add(chunk.subarray(from));
  }
  const last = take(Buffer.alloc(0));
  if (last !== '') yield last;
}

/** An item's outcome so far, which an answer further on in the same file would replace. */
type Passing = Extract<ItemOutcome, { state: 'retry' | 'released' }>;
const isPassing = (outcome: ItemOutcome): outcome is Passing =>
  outcome.state === 'retry' || outcome.state === 'released';

export class ResultReader {
  /** Kept back until the file has been read to its end: an item that is due again is soon on its way. */
  private readonly passing = new Map<number, Passing>();
  private hold: HoldVerdict | null = null;
  /** By item; others' answers in the same files decide whose they are. */
  private readonly common = new Map<number, Common>();
  private readonly usable = new Set<number>();
  /** Of all files read so far. */
  private readonly known = new Set<number>();
  private readonly alike = new Map<AlikeKey, AlikeItems>();
  /** One for all lines: those that wait alike are to go into one file again, not into one each. */
  private readonly jitter = Math.random() * 2 - 1;

  constructor(
    private readonly deps: Pick<BatchApiDeps, 'db' | 'log'>,
    private readonly context: BatchApiContext,
  ) {}

  /**
   * @param lenient passes over a line that is none: its item counts as one without an answer.
   * @throws BrokenAnswer when the stream breaks off. @throws DoubtfulAnswer unless lenient, when a line is none. What
   * came before is stored.
   */
  async read(part: BatchPart, { stream, hide }: ResultFile, lenient = false): Promise<ResultsRead> {
    const known = new Set<number>();
    let lines = 0;
    let broken = 0;
    let strangers = 0;
    const store = async (some: typeof chunk) => {
      const found = await this.store(part, some);
      for (const seq of found) known.add(seq);
      strangers += some.filter(({ seq }) => !found.has(seq)).length;
    };
    let chunk: { readonly seq: number; readonly result: BatchResult }[] = [];
    try {
      for await (const line of textLines(this.unbroken(stream))) {
        lines++;
        const parsed = line === null ? TOO_LONG : this.context.api.parseResult(hide(line));
        if (!parsed.ok) {
          if (!lenient) throw new DoubtfulAnswer(`line ${lines} of the results ${parsed.problem}`);
          broken++;
          continue;
        }
        const seq = seqOf(parsed.value.customId);
        if (seq === null) strangers++;
        else chunk.push({ seq, result: parsed.value });
        if (chunk.length < CHUNK) continue;
        await store(chunk);
        chunk = [];
      }
    } finally {
      stream.destroy();
      await store(chunk);
    }
    for (const seq of known) this.known.add(seq);
    const ofAll = await this.settleCommon(part);
    const passing = [...this.passing.values()];
    for (let from = 0; from < passing.length; from += CHUNK) {
      await storeOutcomes(this.deps.db, part.batchId, part.key, passing.slice(from, from + CHUNK));
    }
    const about = { batch: part.batchId, part: part.id };
    if (strangers > 0)
      warnOnce(this.deps.log, about, `${strangers} of them`, 'results of items that are not ours');
    if (broken > 0)
      warnOnce(this.deps.log, about, `${broken} of them`, 'lines of the results that cannot be read');
    this.passing.clear();
    const refused = ofAll?.kind === 'gone' ? whatIsGone(ofAll) : null;
    const hold = this.hold ?? (ofAll === null || ofAll.kind === 'gone' ? null : ofAll);
    return { items: known.size, hold, refused, usable: this.usable.size };
  }

  /** Items that the files read so far have a line of. */
  get items(): number {
    return this.known.size;
  }

  /**
   * Where another line holds an answer that can be used, a refusal in the words for all does not speak of all: its item
   * goes behind the others, and fails when it is refused so again. @returns the refusal that does speak of all.
   */
  private async settleCommon(part: BatchPart): Promise<Common['verdict'] | null> {
    if (this.common.size === 0) return null;
    const { at } = await readUsable(this.deps.db, part.batchId);
    const failed: ItemOutcome[] = [];
    let ofAll: Common['verdict'] | null = null;
    for (const [seq, { verdict, key, before }] of this.common) {
      if (!this.passing.has(seq)) continue;
      if (isOwn(before, key, at ?? 0)) {
        const evidence = { ...evidenceOf(verdict), ...markOf(before, key, at ?? 0, Date.now()) };
        failed.push({ seq, state: 'failed', evidence });
        this.passing.delete(seq);
      } else if (part.usable === 0 && this.usable.size === 0) ofAll ??= verdict;
    }
    this.common.clear();
    await storeOutcomes(this.deps.db, part.batchId, part.key, failed);
    return ofAll;
  }

  /**
   * Items that were answered alike, so many that no item is to blame, and no answer of
   * the whole could be used. Null when each is its own.
   * @param usable answers of it that could be used.
   */
  ofAll(usable: number): AlikeItems | null {
    if (usable > 0) return null;
    const [most] = [...this.alike.values()].sort((a, b) => b.seqs.length - a.seqs.length);
    return most && most.seqs.length >= rowNeeded(most.key, 0, 0) ? most : null;
  }

  /** The stream, its failures in our words. */
  private async *unbroken(stream: Readable): AsyncGenerator<Buffer> {
    try {
      yield* unpacked(stream as AsyncIterable<Buffer>);
    } catch (error) {
      this.context.signal.throwIfAborted();
      throw new BrokenAnswer(`the results broke off: ${error instanceof Error ? error.message : error}`);
    }
  }

  private async store(
    part: BatchPart,
    chunk: readonly { readonly seq: number; readonly result: BatchResult }[],
  ): Promise<ReadonlySet<number>> {
    if (chunk.length === 0) return new Set();
    const seqs = chunk.map(({ seq }) => seq);
    const tries = await triesOf(this.deps.db, part, seqs);
    const now = Date.now();
    // One statement changes a row once: of several lines for an item an answer counts.
    const outcomes = new Map<number, ItemOutcome>();
    for (const { seq, result } of chunk) {
      const tried = tries.get(seq);
      if (tried === undefined || outcomes.get(seq)?.state === 'done') continue;
      const outcome = this.noted(seq, tried.putBack, this.outcome(seq, result, tried, now));
      if (isPassing(outcome)) this.passing.set(seq, outcome);
      else outcomes.set(seq, outcome);
    }
    await storeOutcomes(this.deps.db, part.batchId, part.key, [...outcomes.values()]);
    return new Set(tries.keys());
  }

  /** Counts what came of an item, and marks what others may have in common with it. */
  private noted(seq: number, putBack: PutBack | null, { outcome, alike, verdict }: Noted): ItemOutcome {
    if (outcome.state === 'done') this.usable.add(seq);
    if (alike === null || outcome.state === 'done' || outcome.state === 'released') return outcome;
    const mark = markOf(putBack, alike, 0, Date.now());
    const { reason } = outcome.evidence;
    if (mark.own !== true) {
      const known = this.alike.get(alike) ?? { key: alike, seqs: [], verdict, reason };
      if (!known.seqs.includes(seq)) known.seqs.push(seq);
      this.alike.set(alike, Object.assign(known, { verdict, reason }));
    }
    return { ...outcome, evidence: { ...outcome.evidence, ...mark } };
  }

  private outcome(seq: number, result: BatchResult, tries: ItemTries, now: number): Noted {
    const { account, texts } = this.context;
    const info: CallInfo = {
      vendor: account.vendor.id,
      account: account.name,
      operation: texts.operation,
      attributes: {
        ...account.attributes,
        ...texts.attributes(this.context.batch.model),
        vendor: account.vendor.id,
        account: account.name,
      },
    };
    const identity = { vendor: info.vendor, account: info.account, operation: info.operation };
    switch (result.kind) {
      case 'expired': {
        // Not the item's fault: retried for as long as it takes.
        const evidence = { kind: 'expired', reason: result.reason };
        return own({ seq, state: 'retry', evidence, waitMs: 0, free: true });
      }
      case 'cancelled':
        return own({ seq, state: 'released' });
      case 'error': {
        const evidence = { ...identity, code: result.code, message: result.reason };
        const verdict: Verdict = { kind: 'server', statedWaitMs: null, ambiguous: false, evidence };
        return this.judged(seq, verdict, tries, now);
      }
      case 'answer': {
        const { status, requestId, body } = result;
        const headers = requestId === '' ? {} : { 'x-request-id': requestId };
        const answer = { kind: 'response', response: { status, headers, body } } as const;
        const verdict = account.vendor.classify(info, answer, now);
        return verdict.kind === 'ok'
          ? { ...answeredOutcome(texts, seq, body), verdict: null }
          : this.judged(seq, verdict, tries, now);
      }
    }
  }

  private judged(seq: number, verdict: Verdict, tries: ItemTries, now: number): Noted {
    const { retry } = this.context.account;
    const { attempts, refusals, putBack } = tries;
    const { firstMs } = this.context.api.poll;
    const refused = (waitMs: number, retryable: boolean): Noted => ({
      ...refusedOutcome(seq, verdict, waitMs, retryable),
      verdict,
    });
    switch (verdict.kind) {
      case 'auth':
      case 'billing':
      case 'blocked':
      case 'gone':
      case 'quota': {
        if ('ofRequest' in verdict && verdict.ofRequest) return refused(0, false);
        const key = alikeOf(verdict);
        if (key !== null) this.common.set(seq, { verdict, key, before: putBack });
        else if (verdict.kind !== 'gone') this.hold ??= verdict;
        return own(behindOthers(seq, verdict, putBack, now));
      }
      case 'rate': {
        const { statedWaitMs } = verdict;
        const waitMs = lineRetryMs(retry.rate, refusals, statedWaitMs, firstMs, this.jitter);
        const { outcome } = refusedOutcome(seq, verdict, waitMs, true);
        return own(withEvidence(outcome, { refusals: refusals + 1 }));
      }
      case 'server': {
        const { statedWaitMs } = verdict;
        const waitMs = lineRetryMs(retry.server, attempts, statedWaitMs, firstMs, this.jitter);
        const judged = refused(waitMs, attempts + 1 < retry.server.attempts);
        // The last attempt of many at once, and nothing but failures: that is the vendor's outage.
        return judged.outcome.state === 'failed' ? { ...judged, alike: judged.alike ?? 'failure:' } : judged;
      }
      default:
        return refused(0, false);
    }
  }
}

interface Noted extends JudgedOutcome {
  readonly verdict: Verdict | null;
}

function whatIsGone({ evidence }: Verdict): string {
  return evidence.message ?? 'what the requests name does not exist';
}

function withEvidence(outcome: Noted['outcome'], more: Readonly<Record<string, unknown>>): Noted['outcome'] {
  return 'evidence' in outcome ? { ...outcome, evidence: { ...outcome.evidence, ...more } } : outcome;
}

/** What says nothing of other items. */
function own(outcome: Noted['outcome']): Noted {
  return { outcome, alike: null, verdict: null };
}
