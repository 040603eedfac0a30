/** Calls for reads of vehicles through the gateway. Each is made once; the read decides when to try again. */
import type { Dispatcher } from 'undici';
import type { Priority } from '../../quota/limits/limit';
import type { ReadFailureKind } from '../../quota/reads/backoff';
import { describeEvidence, type VerdictKind } from '../../quota/verdict';
import type { VehicleAccount } from '../../settings/accounts/vehicles';
import type { ReadFailure } from '../../store/reads/reads';
import type { CallResult } from '../../vendors/contract';
import type { HttpRequest, Parsed } from '../../vendors/http';
import { CallFailed, PermitWait, PoolClosed, Unsatisfiable } from '../gateway/call-errors';
import type { TokenSource } from '../gateway/call-terms';
import { sendForText } from '../gateway/http/http';
import { isOurFault, type KeepDeps } from '../gateway/spool/held';
import type { VendorGateway } from '../gateway/vendor-call';
import { type AskedAndAnswered, type KeptRead, keepRead } from './kept';
import type { Unavailable } from './types';

/** Access to vendors, for as long as it is needed. */
export interface Way {
  readonly gateway: VendorGateway;
  readonly dispatcher: Dispatcher;
  /** Null for accounts whose calls carry no token. */
  readonly tokenSource: TokenSource | null;
}

export interface CallTerms {
  readonly account: VehicleAccount;
  readonly way: Way;
  readonly priority: Priority;
  readonly caller: string;
  readonly waitMs: number;
  /** Failures of before do not hold it back. */
  readonly force: boolean;
  /** Who asks: a person or program, or a plan. */
  readonly source: 'call' | 'polling';
}

export interface Question<T> {
  readonly operation: string;
  /** Of a call that concerns one vehicle. */
  readonly vehicleId?: string;
  readonly request: HttpRequest;
  readonly parse: (body: string) => Parsed<T>;
}

export interface Answered<T> {
  readonly value: T;
  /** The vendor's; null when it gives none. */
  readonly requestId: string | null;
  /** In how many calls it came, where in more than one. */
  readonly pages?: number;
  readonly at: AskedAndAnswered;
}

/** An answer with a status of success that does not match the contract. */
export class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer';
}

/** Something that has to be there first cannot be had now. */
export class Hindered extends Error {
  override readonly name = 'Hindered';
  constructor(readonly why: Unavailable) {
    super(why.reason);
  }
}

/** @throws PoolClosed, PermitWait (nothing was sent), CallFailed, UnreadableAnswer, Unsatisfiable. */
export async function askVendor<T>(terms: CallTerms, question: Question<T>): Promise<Answered<T>> {
  const { account, way } = terms;
  const { operation, vehicleId, request, parse } = question;
  const { vehicles } = account;
  let [asked, answered] = [Date.now(), Date.now()];
  const attributes = vehicleId === undefined ? {} : { [vehicles.vehicleAttribute]: vehicleId };
  const result = await way.gateway.call<CallResult>({
    account,
    operation,
    attributes,
    priority: terms.priority,
    caller: terms.caller,
    auth: way.tokenSource,
    attempt: 1,
    inlineWaitMs: terms.waitMs,
    send: async (token, _, pass) => {
      asked = Date.now();
      const authorized = token === null ? request : vehicles.authorize(request, token);
      const { timeoutMs } = vehicles;
      const sent = await sendForText(authorized, { dispatcher: way.dispatcher, timeoutMs, pass });
      answered = Date.now();
      return sent;
    },
  });
  const parsed = tried(parse, result.kind === 'response' ? result.response.body : '');
  if (!parsed.ok) throw new UnreadableAnswer(`the answer to ${operation} cannot be used: ${parsed.problem}`);
  const call = {
    vendor: account.vendor.id,
    account: account.name,
    operation,
    attributes: { ...account.attributes, ...attributes },
  };
  const { evidence } = account.vendor.classify(call, result, Date.now());
  return { value: parsed.value, requestId: evidence.requestId ?? null, at: { asked, answered } };
}

/** A vendor's parser that throws has been paid for all the same: the read must back off. */
function tried<T>(parse: (body: string) => Parsed<T>, body: string): Parsed<T> {
  try {
    return parse(body);
  } catch (error) {
    return { ok: false, problem: String(error) };
  }
}

/**
 * Stores a vendor's answer. @throws StoredLater while Postgres is away; UnreadableAnswer for an answer that no column takes: it
 * would be so at the next call, too.
 */
export async function stored(keep: KeepDeps, kept: KeptRead): Promise<void> {
  try {
    await keepRead(keep, kept);
  } catch (error) {
    if (!isOurFault(error)) throw error;
    throw new UnreadableAnswer(`the vendor's answer cannot be stored: ${String(error)}`);
  }
}

/** What stands in the way of all calls, or of this kind; null for a failure of the one that was made. */
export function hindranceOf(error: unknown): Unavailable | null {
  if (error instanceof Hindered) return error.why;
  if (error instanceof PermitWait) {
    const { limit, until } = error.details;
    return { cause: 'limit', reason: error.message, until, limit };
  }
  if (error instanceof PoolClosed) {
    const { pool, until, state } = error.details;
    const cause = state === 'quota_paused' ? 'quota' : 'pool';
    const requestId = error.verdict?.evidence.requestId;
    const known = requestId === undefined ? {} : { requestId };
    return { cause, reason: error.message, until: finite(until), pool, ...known };
  }
  return null;
}

export interface CallFailure extends ReadFailure {
  /** The vendor's own wait, ms; 0 when it named none. */
  readonly waitMs: number;
}

/** Of these, a later try may be another matter, however few tries the vendor's rules allow in place. */
const PASSING: ReadonlySet<VerdictKind> = new Set<VerdictKind>(['rate', 'server', 'pending']);

/** What became of the call that was made; null for what is no vendor's doing. */
export function failureOf(error: unknown): CallFailure | null {
  if (error instanceof UnreadableAnswer || error instanceof Unsatisfiable) {
    return { kind: 'refused', reason: error.message, code: null, waitMs: 0 };
  }
  if (!(error instanceof CallFailed)) return null;
  const { verdict, waitMs, tokenOf } = error;
  const stated = 'statedWaitMs' in verdict ? (verdict.statedWaitMs ?? 0) : 0;
  const kind: ReadFailureKind = PASSING.has(verdict.kind) ? 'passing' : 'refused';
  return {
    kind,
    reason: `${verdict.kind}: ${describeEvidence(verdict.evidence)}`,
    code: verdict.evidence.code ?? null,
    ...(tokenOf === null ? {} : { tokenOf }),
    waitMs: Math.max(stated, error.retryable ? waitMs : 0),
  };
}

const finite = (until: number | null) => (until !== null && Number.isFinite(until) ? until : null);
