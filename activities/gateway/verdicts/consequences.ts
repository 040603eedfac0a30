/**
 * Carries out what a verdict means: the block that stops every caller, the pool's state, and the error that the caller
 * gets. All of it is in Postgres before the error is thrown, so that no other caller has to be refused first.
 */
import type { LimitInstance } from '../../../quota/limits/limit';
import { retryDelayMs } from '../../../quota/retry-delay';
import type { AuthVerdict, Evidence, QuotaVerdict, RateVerdict, Verdict } from '../../../quota/verdict';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { settleDoubts } from '../../../store/permits/quota-doubts';
import { releaseProbe } from '../../../store/pools/pools';
import { CallFailed } from '../call-errors';
import { type CallTerms, mayRetry } from '../call-terms';
import type { HeldPermit } from '../permits/gate';
import { Narrowing } from './narrowing';
import type { HoldVerdict } from './organization';
import { type PoolStopDeps, PoolStops } from './pool-stops';
import { narrowRefusal } from './quota-doubt';
import { type RateDeps, RateRefusals } from './rate-refusals';
import { VerdictWriter, type WriterDeps } from './verdict-writer';

export interface ConsequenceDeps extends PoolStopDeps, RateDeps, WriterDeps {
  /** 0 to below 1. */
  readonly random?: () => number;
}

/** A wait from which on it is not for one call alone to sit out, ms. */
const LONG_WAIT_MS = 10_000;

export class Consequences {
  /** Whether the pool is closed, and what closes it. */
  readonly stops: PoolStops;
  private readonly narrowing: Narrowing;
  private readonly rates: RateRefusals;
  private readonly writer: VerdictWriter;

  constructor(private readonly deps: ConsequenceDeps) {
    this.writer = new VerdictWriter(deps);
    this.narrowing = new Narrowing(deps);
    this.rates = new RateRefusals(deps, this.writer);
    this.stops = new PoolStops(deps, this.writer, this.narrowing);
  }

  /** @throws PermitWait while calls of this kind are stopped for themselves. */
  async checkKind(call: CallTerms): Promise<void> {
    await this.narrowing.check(call);
  }

  /** Resolves when refusals of the account that are long in writing are written, or left to another process. */
  async written(account: CallableAccount): Promise<void> {
    await this.writer.written(account);
  }

  /**
   * Carries out what a verdict means; returns only when the answer is usable. A refusal that may be of one request alone
   * changes nothing: should it have been the probe, another call may be it.
   */
  async follow(
    call: CallTerms,
    limits: readonly LimitInstance[],
    permit: HeldPermit,
    verdict: Verdict,
  ): Promise<void> {
    try {
      await this.carryOut(call, limits, permit, verdict);
    } catch (error) {
      // An answer about the pool says nothing about the organization, and the reverse: another call may be its probe.
      if (permit.probe) {
        await this.writer.ifPossible(call, () =>
          releaseProbe(this.deps.db, call.account.poolKey, permit.epoch, permit.organizationEpoch),
        );
      }
      throw error;
    }
  }

  private async carryOut(
    call: CallTerms,
    limits: readonly LimitInstance[],
    permit: HeldPermit,
    verdict: Verdict,
  ): Promise<void> {
    switch (verdict.kind) {
      case 'ok':
        await this.writer.ifPossible(call, async () => {
          await this.accepted(call, limits, permit);
          await this.answered(call, permit);
        });
        return;
      case 'pending':
      case 'invalid':
        // The vendor answered: that ends a probe as well as a usable answer does.
        await this.writer.ifPossible(call, () => this.answered(call, permit));
        throw new CallFailed(verdict, 0, false);
      case 'gone':
        if (verdict.ofRequest) throw new CallFailed(verdict, 0, false);
        await this.writer.ifPossible(call, () => this.answered(call, permit));
        throw new CallFailed(verdict, 0, false);
      case 'rate':
        throw (
          (await this.stopWithoutLimit(call, limits, permit, verdict)) ??
          (await this.rates.refused(call, limits, permit, verdict, this.jitter()))
        );
      case 'server': {
        if (!call.foreign && !isSilentDevice(call, verdict.evidence)) {
          await this.writer.ifPossible(call, () => this.stops.failed(call, permit, verdict.evidence));
        }
        const { server } = call.account.retry;
        const wait = retryDelayMs(server, call.attempt, verdict.statedWaitMs, this.jitter());
        throw new CallFailed(verdict, wait, mayRetry(call, verdict));
      }
      case 'quota':
        if (call.foreign) throw new CallFailed(verdict, 0, false);
        if (verdict.ofRequest) throw new CallFailed(verdict, 0, false);
        throw (
          (await this.writer.refusal(call.account, () =>
            narrowRefusal(this.deps, call, limits, permit.leftAt, verdict),
          )) ??
          (await this.narrow(call, permit, verdict)) ??
          (await this.stops.close(call, await this.stops.epochsFor(call, permit), verdict, this.jitter()))
        );
      case 'auth': {
        if (call.foreign || call.isItsOwn?.(verdict)) throw new CallFailed(verdict, 0, false);
        const narrow = await this.narrow(call, permit, verdict);
        throw narrow ?? (await this.stops.hold(call, await this.stops.epochsFor(call, permit), verdict));
      }
      case 'billing':
      case 'blocked':
        if (call.foreign) throw new CallFailed(verdict, 0, false);
        if (verdict.kind === 'blocked' && (verdict.ofRequest || call.isItsOwn?.(verdict)))
          throw new CallFailed(verdict, 0, false);
        throw await this.stops.hold(call, await this.stops.epochsFor(call, permit), verdict);
    }
  }

  /** Applies a verdict that did not come as one answer. @returns the error for the caller. */
  async apply(call: CallTerms, verdict: HoldVerdict | QuotaVerdict): Promise<Error> {
    const epochs = await this.stops.epochsOf(call.account);
    return verdict.kind === 'quota'
      ? this.stops.close(call, epochs, verdict, this.jitter())
      : this.stops.hold(call, epochs, verdict);
  }

  /**
   * A login's failure as that of the call that it was made for. The login itself is always at its first try: it is the
   * call's tries that the waits grow with, and that come to an end.
   */
  async forWantOfToken(call: CallTerms, { verdict, waitMs }: CallFailed): Promise<Error> {
    const { rate, server } = call.account.retry;
    const grown =
      verdict.kind === 'server' || (verdict.kind === 'rate' && !rate.shared)
        ? retryDelayMs(
            verdict.kind === 'rate' ? rate : server,
            call.attempt,
            verdict.statedWaitMs,
            this.jitter(),
          )
        : waitMs;
    if (mayRetry(call, verdict) || call.account.pool.recheck === undefined) {
      return new CallFailed(verdict, grown, mayRetry(call, verdict), call.account.poolKey);
    }
    // What the token was wanted for is not to blame: the account is held, with the login's answer as the cause.
    const { evidence } = verdict;
    return this.apply(call, { kind: 'blocked', reason: 'configuration', evidence });
  }

  /**
   * A call that falls under no limit, a login's say, is refused as too fast: no row makes the others wait and says why, and
   * each would be refused in turn. So the pool waits. Null where there is a limit, or the wait is short.
   */
  private async stopWithoutLimit(
    call: CallTerms,
    limits: readonly LimitInstance[],
    permit: HeldPermit,
    { statedWaitMs, evidence }: RateVerdict,
  ): Promise<Error | null> {
    if (limits.length > 0 || call.foreign) return null;
    const jitter = this.jitter();
    const waitMs = retryDelayMs(call.account.retry.rate, call.attempt, statedWaitMs, jitter);
    if (waitMs < LONG_WAIT_MS) return null;
    const epochs = await this.stops.epochsFor(call, permit);
    const stop = { kind: 'quota', statedWaitMs: waitMs, limit: null, evidence } as const;
    return this.stops.close(call, epochs, stop, jitter);
  }

  private narrow(call: CallTerms, { leftAt }: HeldPermit, verdict: QuotaVerdict | AuthVerdict) {
    const jitter = this.jitter();
    return this.writer.refusal(call.account, () => this.narrowing.refused(call, leftAt, verdict, jitter));
  }

  private async accepted(
    call: CallTerms,
    limits: readonly LimitInstance[],
    { leftAt }: HeldPermit,
  ): Promise<void> {
    const { account } = call;
    // The answer to a login, or to a call with somebody else's credentials, says nothing about the account's quota.
    const ofQuota = account.vendor.ambiguousQuota === true && !call.foreign && !call.outsidePool;
    await Promise.all([
      this.rates.accepted(call, limits, leftAt),
      ofQuota ? settleDoubts(this.deps.db, account.poolKey, leftAt) : null,
    ]);
  }

  private async answered(call: CallTerms, permit: HeldPermit): Promise<void> {
    await this.narrowing.accepted(call, permit.leftAt);
    await this.stops.answered(call, permit);
  }

  /** -1 to 1. */
  private jitter(): number {
    return (this.deps.random ?? Math.random)() * 2 - 1;
  }
}

/** The connection was there and the answer did not come. */
const SILENCE: ReadonlySet<string | undefined> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function isSilentDevice(call: CallTerms, { code }: Evidence): boolean {
  return call.answeredByDevice === true && SILENCE.has(code);
}
