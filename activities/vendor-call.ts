/**
 * The one door through which any vendor is called: permit, call, verdict, consequence. Nothing else in the project
 * sends a request to a vendor.
 *
 * What happens at a crash: before the permit is committed nothing has happened; between permit and answer the permit
 * is spent and the pool's block, if the answer would have been one, is learned by the next call.
 */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import {
  type Charge,
  defaultSlackMs,
  type LimitInstance,
  type LimitTemplate,
  type Priority,
  resolveLimits,
} from '../quota/limit';
import { isBlocked, type PoolEvent, type PoolPolicy, type PoolState } from '../quota/pool';
import { backoffFor, type RetryPolicies, retryDelayMs } from '../quota/retry-delay';
import { describeEvidence, type Evidence, type QuotaVerdict, type Verdict } from '../quota/verdict';
import type { CallCounter } from '../store/call-counts';
import { CredentialsRefusedError, type FreshToken } from '../store/fresh-token';
import type { DeniedPermit } from '../store/permits';
import { blockLimit, registerLimits } from '../store/permits';
import { applyPoolEvent, holdLostPool, readPool, registerPool, releaseProbe } from '../store/pools';
import type { CallInfo, CallResult, VendorRules } from '../vendors/contract';
import { CallFailed, PermitWait, PoolClosed, Unsatisfiable } from './call-errors';
import { type DepartureMark, LimitFeedback } from './limit-feedback';
import type { HeldPermit, PermitGate } from './permit-gate';

/** An account as the door needs it: the vendor's rules with this account's overrides in place. */
export interface CallableAccount {
  readonly name: string;
  readonly vendor: VendorRules;
  /** Pool key, e.g. `amazon/acme`. */
  readonly poolKey: string;
  readonly limits: readonly LimitTemplate[];
  readonly pool: PoolPolicy;
  readonly retry: RetryPolicies;
  /** What every call of the account is described with besides, for limit scopes, e.g. the egress IP. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Hands out an account's token; one caller of all processes renews it. */
export interface TokenSource {
  /**
   * @param staleVersion the version that the vendor has just called expired; 0 for none.
   * @throws CredentialsRefusedError, or what the login call fails with.
   */
  token(staleVersion: number, signal: AbortSignal | undefined): Promise<FreshToken>;
}

/** What a call is charged to and how it is retried. */
export interface CallTerms {
  readonly account: CallableAccount;
  readonly operation: string;
  /** Further attributes for limit scopes, e.g. a device id. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly priority: Priority;
  /** Who asks, for "who spent what": a dataset or function name. */
  readonly caller: string;
  /** Units charged to token limits; 1 is charged to call limits. */
  readonly tokens?: number;
  /** Null for calls that carry no token: a login, a pre-signed URL. */
  readonly auth: TokenSource | null;
  /** True for the login, which is no call to the pool's API: no permit, and its outcome ends no probe. */
  readonly outsidePool?: boolean;
  /** 1 for the first try; drives the backoff. */
  readonly attempt: number;
  readonly inlineWaitMs: number;
  readonly signal?: AbortSignal;
}

export interface VendorCall<R extends CallResult> extends CallTerms {
  /** Sends the request. Must not throw for what the network or the vendor does: that is a CallResult. */
  send(token: string | null, signal: AbortSignal | undefined): Promise<R>;
  /** What the call really cost in tokens, when the answer says so. */
  tokensUsed?(result: R): number | undefined;
}

export interface DoorDeps {
  readonly db: Pool;
  readonly gate: PermitGate;
  readonly counter: CallCounter;
  readonly log: Logger;
  /** Tells the pool's workflow; must not throw (Postgres holds the block in any case). */
  readonly notifyPool: (
    account: CallableAccount,
    cause: PoolEvent['type'],
    state: PoolState,
  ) => Promise<void>;
  readonly random?: () => number;
}

export class VendorDoor {
  private readonly registered = new Map<string, Promise<void>>();
  private readonly feedback: LimitFeedback;

  constructor(private readonly deps: DoorDeps) {
    this.feedback = new LimitFeedback(deps.db);
  }

  /**
   * Makes one call. Returns the vendor's usable answer.
   * @throws PoolClosed, PermitWait (nothing was sent), CallFailed (with verdict), Unsatisfiable.
   */
  async call<R extends CallResult>(call: VendorCall<R>): Promise<R> {
    const described = describeCall(call);
    const limits = resolveLimits(described.vendor, call.account.limits, call.operation, described.attributes);
    await this.register(call.account, limits);

    let token = await this.token(call, 0);
    for (let renewed = false; ; renewed = true) {
      const info: CallInfo = renewed ? { ...described, freshLogin: true } : described;
      const { permit, charges } = await this.permit(call, limits);
      const marks = this.feedback.depart(charges);
      const departed = performance.now();
      const result = await this.sendUnderPermit(call, permit, token?.accessToken ?? null);
      const booked = this.trueUp(call, limits, charges, permit, result);
      const learned = this.learn(call, info, limits, marks, performance.now() - departed, result);
      await Promise.all([booked, learned]);
      const verdict = call.account.vendor.classify(info, result, Date.now());
      this.deps.counter.count(call.account.poolKey, call.operation, call.caller, verdict.kind);
      if (verdict.kind === 'auth' && verdict.reason === 'expired' && token !== null && !renewed) {
        // The vendor answered, but told nothing of the quota: another call may be the probe.
        if (permit.probe) await releaseProbe(this.deps.db, call.account.poolKey, permit.epoch);
        token = await this.token(call, token.version);
        continue;
      }
      await this.follow(call, limits, permit, verdict);
      return result;
    }
  }

  /** The state of an account's pool as an error when it lets nothing through; null when calls may be tried. */
  async whyClosed(account: CallableAccount): Promise<PoolClosed | null> {
    const record = await readPool(this.deps.db, account.poolKey);
    if (record === null || !isBlocked(record.state, Date.now())) return null;
    const { state, until, reason, epoch } = record.state;
    return new PoolClosed({ pool: account.poolKey, state, until, reason, epoch });
  }

  private async token(call: CallTerms, staleVersion: number): Promise<FreshToken | null> {
    if (!call.auth) return null;
    for (let again = false; ; again = true) {
      try {
        return await call.auth.token(staleVersion, call.signal);
      } catch (error) {
        if (!(error instanceof CredentialsRefusedError)) throw error;
        const closed = await this.whyClosed(call.account);
        if (closed) throw closed;
        // Refused, but open: an operator has resumed meanwhile and the refusal is of before, or the pool's block was
        // lost. What the cache says now decides.
        if (!again) continue;
        const evidence: Evidence = {
          vendor: call.account.vendor.id,
          account: call.account.name,
          operation: 'login',
          message: error.reason,
        };
        const epoch = await this.epochOf(call.account);
        throw await this.holdPool(call, epoch, { kind: 'auth', reason: 'refused', evidence });
      }
    }
  }

  private async epochOf(account: CallableAccount): Promise<number> {
    return (await readPool(this.deps.db, account.poolKey))?.state.epoch ?? 0;
  }

  private async register(account: CallableAccount, limits: readonly LimitInstance[]): Promise<void> {
    // Keyed by definition too, so that a changed setting is registered without a restart.
    const id = `${account.poolKey}|${limits.map((l) => l.key).join('|')}`;
    let done = this.registered.get(id);
    if (!done) {
      done = registerPool(this.deps.db, account.poolKey, account.pool).then(() =>
        registerLimits(this.deps.db, account.poolKey, limits),
      );
      this.registered.set(id, done);
      done.catch(() => this.registered.delete(id));
    }
    await done;
  }

  private async permit(
    call: CallTerms,
    limits: readonly LimitInstance[],
  ): Promise<{ permit: HeldPermit; charges: Charge[] }> {
    const charges = limits.map((l) => ({
      key: l.key,
      units: l.template.unit === 'calls' ? 1 : (call.tokens ?? 0),
    }));
    const slackMs = limits.reduce(
      (least, l) => Math.min(least, l.template.slackMs ?? defaultSlackMs(l.template.window)),
      Number.POSITIVE_INFINITY,
    );
    const permit = await this.acquire(call, charges, slackMs);
    if (!permit.granted) throw await this.denied(call.account, permit, charges);
    return { permit, charges };
  }

  private async acquire(call: CallTerms, charges: readonly Charge[], slackMs: number) {
    try {
      return await this.deps.gate.acquire(
        { pool: call.outsidePool ? null : call.account.poolKey, priority: call.priority, charges },
        { inlineWaitMs: call.inlineWaitMs, slackMs, ...(call.signal ? { signal: call.signal } : {}) },
      );
    } catch (error) {
      if (!isUnregistered(error)) throw error;
      // Rows that this process has registered are gone. Its memory of them is void, and the pool may have been
      // closed: it is held for a moment, in which its workflow writes a pause back that it remembers.
      this.registered.clear();
      const state = await holdLostPool(this.deps.db, call.account.poolKey, call.account.pool);
      await this.deps.notifyPool(call.account, 'pause', state);
      throw new PoolClosed({
        pool: call.account.poolKey,
        state: state.state,
        until: state.until,
        reason: state.reason,
        epoch: state.epoch,
      });
    }
  }

  private async denied(
    account: CallableAccount,
    denied: DeniedPermit,
    charges: readonly Charge[],
  ): Promise<Error> {
    if (denied.deniedBy === 'pool' || denied.deniedBy === 'probe') {
      const record = await readPool(this.deps.db, account.poolKey);
      return new PoolClosed({
        pool: account.poolKey,
        state: denied.poolState,
        until: denied.retryAt,
        reason: record?.state.reason || `waiting for the probe`,
        epoch: denied.epoch,
      });
    }
    if (denied.retryAt === Number.POSITIVE_INFINITY) {
      const charge = charges.find((c) => c.key === denied.deniedBy);
      return new Unsatisfiable(denied.deniedBy, charge?.units ?? 1);
    }
    return new PermitWait({ until: denied.retryAt ?? denied.now, limit: denied.deniedBy });
  }

  private async sendUnderPermit<R extends CallResult>(
    call: VendorCall<R>,
    permit: HeldPermit,
    token: string | null,
  ): Promise<R> {
    try {
      const result = await call.send(token, call.signal);
      void permit.answered();
      return result;
    } catch (error) {
      // A bug or a cancellation: the permit is spent, but the pool must not wait for this probe's report.
      if (permit.probe) await releaseProbe(this.deps.db, call.account.poolKey, permit.epoch);
      throw error;
    }
  }

  private async trueUp<R extends CallResult>(
    call: VendorCall<R>,
    limits: readonly LimitInstance[],
    charges: readonly Charge[],
    permit: HeldPermit,
    result: R,
  ): Promise<void> {
    const used = call.tokensUsed?.(result);
    if (used === undefined) return;
    for (const [i, limit] of limits.entries()) {
      const delta = used - (charges[i]?.units ?? 0);
      if (limit.template.unit === 'tokens' && delta !== 0) {
        await this.feedback.settle(limit.key, delta, permit.departAt);
      }
    }
  }

  private async learn(
    call: CallTerms,
    info: CallInfo,
    limits: readonly LimitInstance[],
    marks: readonly DepartureMark[],
    ageMs: number,
    result: CallResult,
  ): Promise<void> {
    if (result.kind !== 'response') return;
    const announced = call.account.vendor.learn(info, result.response).map(async (learned) => {
      const limit = limits.find((l) => l.template.name === learned.limit);
      const mark = marks.find((m) => m.key === limit?.key);
      if (!limit || !mark) return;
      if (await this.feedback.learn(mark, learned, ageMs)) {
        const { limit: _, ...rest } = learned;
        this.deps.log.info(
          { event: 'limit.learned', limit: limit.key, ...rest },
          'the vendor announced a limit',
        );
      }
    });
    await Promise.all(announced);
  }

  /** Carries out what a verdict means; returns only when the answer is usable. */
  private async follow(
    call: CallTerms,
    limits: readonly LimitInstance[],
    permit: HeldPermit,
    verdict: Verdict,
  ): Promise<void> {
    const jitter = (this.deps.random ?? Math.random)() * 2 - 1;
    switch (verdict.kind) {
      case 'ok':
        await this.reportAnswered(call, permit);
        return;
      case 'pending':
      case 'gone':
      case 'invalid':
        // The vendor answered: that ends a probe as well as a usable answer does.
        await this.reportAnswered(call, permit);
        throw new CallFailed(verdict, 0, false);
      case 'rate': {
        const wait = retryDelayMs(call.account.retry.rate, call.attempt, verdict.statedWaitMs, jitter);
        const hit = limits.filter((l) => verdict.limit === null || l.template.name === verdict.limit);
        for (const limit of hit.length > 0 ? hit : limits) await blockLimit(this.deps.db, limit.key, wait);
        if (permit.probe) await releaseProbe(this.deps.db, call.account.poolKey, permit.epoch);
        throw new CallFailed(verdict, wait, this.mayRetry(call, verdict));
      }
      case 'server': {
        await this.poolEvent(call, {
          type: 'failure',
          epoch: permit.epoch,
          reason: describeEvidence(verdict.evidence),
          evidence: verdict.evidence,
        });
        const wait = retryDelayMs(call.account.retry.server, call.attempt, verdict.statedWaitMs, jitter);
        throw new CallFailed(verdict, wait, this.mayRetry(call, verdict));
      }
      case 'quota':
        throw await this.closePool(call, permit, verdict, jitter);
      case 'auth':
      case 'billing':
      case 'blocked':
        // A login has no permit of the pool's, so it knows no epoch: its refusal concerns the pool as it is now.
        throw await this.holdPool(
          call,
          call.outsidePool ? await this.epochOf(call.account) : permit.epoch,
          verdict,
        );
    }
  }

  private async holdPool(
    call: CallTerms,
    epoch: number,
    verdict: Extract<Verdict, { kind: 'auth' | 'billing' | 'blocked' }>,
  ): Promise<Error> {
    // Calls in flight together report one refusal, each with a request id of its own: that is kept as evidence only.
    const { requestId: _, ...told } = verdict.evidence;
    const state = await this.poolEvent(call, {
      type: 'hold',
      epoch,
      reason: `${HOLD_REASON[verdict.kind]}: ${describeEvidence(told)}`,
      evidence: verdict.evidence,
    });
    return this.closed(call, state, verdict);
  }

  private mayRetry(call: CallTerms, verdict: Verdict): boolean {
    const backoff = backoffFor(call.account.retry, verdict.kind);
    return backoff !== null && call.attempt < backoff.attempts;
  }

  private async closePool(
    call: CallTerms,
    permit: HeldPermit,
    verdict: QuotaVerdict,
    jitter: number,
  ): Promise<Error> {
    const state = await this.poolEvent(call, {
      type: 'quota',
      epoch: permit.epoch,
      statedWaitMs: verdict.statedWaitMs,
      reason: describeEvidence(verdict.evidence),
      evidence: verdict.evidence,
      jitter,
    });
    return this.closed(call, state, verdict);
  }

  private closed(call: CallTerms, state: PoolState, verdict: Verdict): Error {
    const { evidence } = verdict;
    return new PoolClosed(
      {
        pool: call.account.poolKey,
        state: state.state,
        until: state.until,
        reason: state.reason || describeEvidence(evidence),
        epoch: state.epoch,
      },
      evidence,
    );
  }

  private async reportAnswered(call: CallTerms, permit: HeldPermit): Promise<void> {
    if (permit.probe || permit.failures > 0) {
      await this.poolEvent(call, { type: 'success', epoch: permit.epoch });
    }
  }

  private async poolEvent(call: CallTerms, event: PoolEvent): Promise<PoolState> {
    const { account } = call;
    const change = await applyPoolEvent(this.deps.db, account.poolKey, event);
    if (change.changed) {
      const { after } = change;
      const level = after.state === 'closed' ? 'info' : 'warn';
      this.deps.log[level](
        {
          event: `pool.${after.state}`,
          pool: account.poolKey,
          until: after.until === null ? null : new Date(after.until).toISOString(),
          reason: after.reason,
          strikes: after.strikes,
          evidence: after.evidence,
        },
        after.hint
          ? `pool ${account.poolKey}: ${after.state}; ${after.hint}`
          : `pool ${account.poolKey}: ${after.state}`,
      );
      await this.deps.notifyPool(account, event.type, after);
    }
    return change.after;
  }
}

function describeCall({ account, operation, attributes }: CallTerms): CallInfo {
  const vendor = account.vendor.id;
  return {
    vendor,
    account: account.name,
    operation,
    attributes: { ...account.attributes, ...attributes, vendor, account: account.name },
  };
}

/** take_permits: a pool or a limit without a row. */
function isUnregistered(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'SL001' || code === 'SL002';
}

const HOLD_REASON = {
  auth: 'credentials refused: set new ones, then resume',
  billing: 'a paid limit is reached: settle it with the vendor, then resume',
  blocked: 'the vendor refuses this client: clear it with the vendor, then resume',
} as const;
