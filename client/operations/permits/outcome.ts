/**
 * What came of a call that another program has sent. The vendor's own rules judge it, and what follows is what follows
 * from an answer to our own calls: a refusal that one program reports stops all others, and workers as well.
 */
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CallFailed, PermitWait, PoolClosed } from '../../../activities/gateway/call-errors';
import type { Leave } from '../../../activities/gateway/outside-calls';
import type { HeldPermit } from '../../../activities/gateway/permits/gate';
import { describeEvidence, type Verdict, type VerdictKind } from '../../../quota/verdict';
import { findAccount } from '../../../settings/accounts/accounts';
import {
  type Claim,
  claimOutcome,
  dropClaim,
  keepAnswer,
  type OutsidePermit,
  type OutsideTerms,
} from '../../../store/permits/outside-permits';
import type { CallResult } from '../../../vendors/contract';
import type { Backend } from '../backend/backend';
import { failed, invalid, problem, type StopFacts } from '../errors';
import { whole } from '../fields';
import { operation } from '../operation';
import { stopFacts } from '../pools/stop-facts';
import { document } from '../texts';
import { isoOrNull } from '../time-text';
import { atDesk, type PermitDesk } from './desk';
import { checkedTerms, type GivenPermit, MAX_WAIT_MS, outsideCall, takeFor, takePermit } from './take';

const MAX_BODY = 64 * 1024;
const MAX_HEADERS = 200;

/** What the program is to do next. */
export type NextStep =
  /** The answer is good. */
  | 'use'
  /** Ask for another permit after the wait, and send it again. */
  | 'retry'
  /** Ask for no permit before `until`; null: not before an operator resumes the pool. */
  | 'stop'
  /** Fetch a new token, then retry. */
  | 'renew-credentials'
  /** The vendor may have carried it out: check before sending it again. */
  | 'look-first'
  /** The request itself is refused: not to be sent again as it is. */
  | 'give-up';

export interface OutcomeAnswer {
  /** `unused`: the call was not sent. */
  readonly verdict: VerdictKind | 'unused';
  readonly next: NextStep;
  /** Before the next try, ms; 0 for none; null: nobody knows how long, for only a person ends the stop. */
  readonly waitMs: number | null;
  /** Epoch ms before which nothing is to be sent; null when there is no such time. */
  readonly until: number | null;
  /** Key of the pool that is closed now; null when none is. */
  readonly pool: string | null;
  /** What closes it, and who; null when it is not closed, or open again meanwhile. */
  readonly stop: StopFacts | null;
  /** The vendor's message, for people. */
  readonly reason: string;
  /** The vendor's, to quote in a support case. */
  readonly requestId: string | null;
}

export interface ReportAnswer extends OutcomeAnswer {
  /** For the next call, where it was asked for and had; null otherwise. */
  readonly permit: GivenPermit | null;
}

const header = z.union([z.string(), z.array(z.string())], { error: 'must be text or a list of texts' });

export const reportOutcome = operation({
  about: 'what came of a call that was sent with a permit, and what to do next',
  input: z.strictObject({
    id: z.string().describe('The permit'),
    status: whole(200, 599).optional().describe('HTTP status of the answer; without one, give `error`'),
    headers: document(
      z
        .record(z.string(), header)
        .refine((all) => Object.keys(all).length <= MAX_HEADERS, `has more than ${MAX_HEADERS} headers`),
    )
      .default({})
      .describe('Headers of the answer: limits are learned from them'),
    body: document(z.string().max(MAX_BODY, `is longer than ${MAX_BODY} characters; its beginning is enough`))
      .optional()
      .describe('The answer, or its beginning. Left out of a 2xx answer: it is taken for usable'),
    error: document(
      z.strictObject({
        code: z.string().max(100).default('UNKNOWN').describe('E.g. ECONNREFUSED or ETIMEDOUT'),
        message: z.string().max(1000).default(''),
        sent: z.boolean().default(true).describe('False when it is certain that nothing was sent'),
      }),
    )
      .optional()
      .describe('Instead of a status: there was no answer'),
    unused: z.boolean().default(false).describe('Instead of a status: the call was not made'),
    tokensUsed: whole(0, 1_000_000_000).optional().describe('What it has really cost'),
    attempt: whole(1, 1000).default(1).describe('Which try of the same request it was: waits grow with it'),
    freshLogin: z
      .boolean()
      .default(false)
      .describe('It carried a token fetched because the last one had expired'),
    nextWaitMs: whole(0, MAX_WAIT_MS)
      .optional()
      .describe(
        'After a good answer (`use`): asks for a permit for another call of the same kind in the same request, and waits for it as long as this; it comes in `permit`',
      ),
  }),
  json: ({ permit, ...answer }: ReportAnswer) => ({
    ...outcomeJson(answer),
    permit: permit === null ? null : takePermit.json(permit),
  }),
  run: async (backend, { id, nextWaitMs, ...outcome }, signal?: AbortSignal): Promise<ReportAnswer> => {
    checkOne(outcome);
    const digest = createHash('sha256').update(JSON.stringify(outcome)).digest('hex');
    return atDesk(backend, async (desk) => {
      const { answer, terms } = await reported(backend, desk, { id, digest }, outcome);
      const wanted = nextWaitMs !== undefined && answer.next === 'use';
      const permit = wanted ? await nextPermit(backend, desk, terms, nextWaitMs, signal) : null;
      return { ...answer, permit };
    });
  },
});

/** An answer as JSON, wherever it is given. */
export function outcomeJson({ until, stop, ...answer }: OutcomeAnswer) {
  const stopped = stop === null ? null : { ...stop, since: new Date(stop.since).toISOString() };
  return { ...answer, until: isoOrNull(until), stop: stopped };
}

async function reported(
  backend: Backend,
  desk: PermitDesk,
  { id, digest }: { readonly id: string; readonly digest: string },
  outcome: Outcome,
): Promise<{ readonly answer: OutcomeAnswer; readonly terms: OutsideTerms }> {
  const claim = await claimed(backend, id, digest);
  if (claim.kind !== 'yours') return answered(claim, digest);
  try {
    const answer = await withStop(backend, await apply(backend, desk, claim, outcome));
    await backend.database((db) => keepAnswer(db, id, answer), 'permits');
    return { answer, terms: claim.permit.terms };
  } catch (error) {
    await backend.database((db) => dropClaim(db, id), 'permits').catch(() => undefined);
    throw error;
  }
}

/** The outcome is applied whatever comes of this: without leave there is none, and who asks for it alone hears why. */
async function nextPermit(
  backend: Backend,
  desk: PermitDesk,
  terms: OutsideTerms,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<GivenPermit | null> {
  try {
    return await takeFor(backend, desk, checkedTerms(backend, terms), waitMs, signal);
  } catch {
    return null;
  }
}

/** Who or what closes the pool that the answer names. A database that has gone meanwhile takes only that with it. */
export async function withStop(backend: Backend, answer: OutcomeAnswer): Promise<OutcomeAnswer> {
  if (answer.pool === null) return answer;
  return { ...answer, stop: await stopFacts(backend, answer.pool).catch(() => null) };
}

/** The same outcome may be under way, reported twice at once: its answer is waited for this long, ms. */
const BUSY_MS = 2_000;
const POLL_MS = 25;

async function claimed(backend: Backend, id: string, digest: string): Promise<Claim> {
  const deadline = performance.now() + BUSY_MS;
  for (;;) {
    const claim = await backend.database((db) => claimOutcome(db, id, digest), 'permits');
    if (claim.kind !== 'busy' || performance.now() > deadline) return claim;
    await delay(POLL_MS);
  }
}

type Outcome = Omit<z.output<typeof reportOutcome.input>, 'id' | 'nextWaitMs'>;

function checkOne({ status, error, unused }: Outcome): void {
  const given = [status !== undefined, error !== undefined, unused].filter(Boolean).length;
  if (given === 1) return;
  throw given === 0
    ? invalid('status', 'is missing; give `status`, `error` or `unused`', 'MISSING_INPUT')
    : invalid(
        status === undefined ? 'error' : 'status',
        'give one of `status`, `error` and `unused`',
        'NOT_APPLICABLE',
      );
}

const NO_STOP: Partial<OutcomeAnswer> = { stop: null };

function answered(claim: Exclude<Claim, { kind: 'yours' }>, digest: string) {
  switch (claim.kind) {
    case 'answered':
      // Kept by a release before this one, it has no `stop`.
      if (claim.digest === digest)
        return { answer: { ...NO_STOP, ...(claim.answer as OutcomeAnswer) }, terms: claim.terms };
      throw failed('another outcome of this permit was reported before', 'ALREADY_REPORTED');
    case 'busy':
      throw failed('the outcome of this permit is being applied', 'BUSY');
    case 'unknown':
      throw problem('NOT_FOUND', 'id', 'is no permit, or one whose time is long over');
  }
}

async function apply(
  backend: Backend,
  desk: PermitDesk,
  { permit, again, now }: Extract<Claim, { kind: 'yours' }>,
  outcome: Outcome,
): Promise<OutcomeAnswer> {
  const { terms } = permit;
  let account: ReturnType<typeof findAccount>;
  try {
    account = findAccount(backend.settings, terms.account);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw problem(
      'NOT_FOUND',
      'id',
      `is a permit of account "${terms.account}", which the settings do not have`,
    );
  }
  const call = { ...outsideCall(account, terms), attempt: outcome.attempt };
  const first = desk.take(permit.id);
  const leave: Leave = first ?? {
    permit: heldElsewhere(permit),
    departed: await desk.gateway.outside.recall(call, permit.departAt),
  };
  if (outcome.unused) {
    // What was perhaps given back once is not given back again.
    if (!again) await desk.gateway.outside.giveBack(call, leave);
    return { ...NOTHING_SAID, verdict: 'unused', next: 'retry', reason: 'the call was not sent' };
  }
  void leave.permit.answered();
  const { tokensUsed: used } = outcome;
  const { verdict, error } = await desk.gateway.outside.judge(call, leave, {
    result: resultOf(outcome),
    usable: outcome.body === undefined && outcome.status !== undefined && outcome.status < 300,
    ageMs: Math.max(0, now - permit.departAt),
    // Booked once perhaps: what would give units back is not booked again.
    tokensUsed: again && used !== undefined && used < terms.tokens ? undefined : used,
    freshLogin: outcome.freshLogin,
  });
  return answerOf(verdict, error, Date.now());
}

/** A permit that another process has given: how long it was under way is not known here. */
function heldElsewhere({ departAt, epoch, organizationEpoch, probe, failures }: OutsidePermit): HeldPermit {
  return {
    ...{ granted: true, moved: false, departAt, leftAt: departAt, epoch, organizationEpoch, probe, failures },
    sent: () => undefined,
    answered: async () => undefined,
  };
}

function resultOf({ status, headers, body, error }: Outcome): CallResult {
  if (status === undefined) {
    const { code = 'UNKNOWN', message = '', sent = true } = error ?? {};
    return { kind: 'transport', error: { code, message, mayHaveBeenSent: sent } };
  }
  const lower = Object.entries(headers).map(([key, value]) => [key.toLowerCase(), [value].flat().join(', ')]);
  return { kind: 'response', response: { status, headers: Object.fromEntries(lower), body: body ?? '' } };
}

const NOTHING_SAID = { waitMs: 0, until: null, pool: null, stop: null, requestId: null } as const;

/** Pure; what closes a pool is added by `withStop`. @param error what a call of our own would have thrown; null for a usable answer. */
export function answerOf(verdict: Verdict, error: unknown, now: number): OutcomeAnswer {
  const { evidence, kind } = verdict;
  const reported = {
    ...NOTHING_SAID,
    verdict: kind,
    reason: kind === 'ok' ? '' : describeEvidence(evidence),
    requestId: evidence.requestId ?? null,
  };
  if (error === null) return { ...reported, next: 'use' };
  if (error instanceof PoolClosed) {
    const { pool, until } = error.details;
    const waitMs = until === null ? null : Math.max(0, Math.ceil(until - now));
    return { ...reported, next: 'stop', pool, until, waitMs };
  }
  if (error instanceof PermitWait) {
    const { until } = error.details;
    return { ...reported, next: 'stop', until, waitMs: Math.max(0, Math.ceil(until - now)) };
  }
  if (!(error instanceof CallFailed)) throw error;
  if (verdict.kind === 'auth' && verdict.reason === 'expired')
    return { ...reported, next: 'renew-credentials' };
  if (verdict.kind === 'pending') {
    const waitMs = verdict.statedWaitMs ?? PENDING_MS;
    return { ...reported, next: 'retry', waitMs, until: now + waitMs };
  }
  if (error.ambiguous)
    return { ...reported, next: 'look-first', waitMs: error.waitMs, until: now + error.waitMs };
  if (verdict.kind === 'rate' || error.retryable) {
    return { ...reported, next: 'retry', waitMs: error.waitMs, until: now + error.waitMs };
  }
  return { ...reported, next: 'give-up' };
}

/** Where the vendor does not say when to ask again, ms. */
const PENDING_MS = 5_000;
