/**
 * The gateway: every call to a vendor goes through it, as permit, call, verdict and consequence. Nothing else in the project
 * sends a request to a vendor.
 *
 * What happens at a crash: before the permit is committed nothing has happened; between permit and answer the permit
 * is spent and the pool's block, if the answer would have been one, is learned by the next call.
 */
import { type Charge, defaultSlackMs, type LimitInstance, resolveLimits } from '../../quota/limits/limit';
import type { HoldCause, PoolState } from '../../quota/pools/pool';
import type { AuthVerdict, Evidence, QuotaVerdict, Verdict } from '../../quota/verdict';
import type { CallableAccount } from '../../settings/accounts/accounts';
import { readDeployment } from '../../store/deployment';
import type { CallCounter } from '../../store/permits/call-counts';
import { isUnregistered } from '../../store/permits/permit-errors';
import { type DeniedPermit, registerLimits, returnUnused } from '../../store/permits/permits';
import { applyPoolEvent, holdLostPool, readPool, registerPool, releaseProbe } from '../../store/pools/pools';
import { CredentialsRefusedError, type FreshToken } from '../../store/secrets/fresh-token';
import type { CallInfo, CallResult, Deployment } from '../../vendors/contract';
import type { HttpRequest } from '../../vendors/http';
import { CallFailed, PermitWait, PoolClosed, Unsatisfiable } from './call-errors';
import { CallPass } from './call-pass';
import type { CallTerms, VendorCall } from './call-terms';
import { TokenTrust } from './credentials/token-trust';
import type { HeldPermit, PermitGate } from './permits/gate';
import { ReserveWatch } from './permits/reserve-watch';
import { WaitWatch } from './permits/wait-watch';
import { AnswerBooks, type Departed } from './verdicts/answer-books';
import {
  type ConsequenceDeps,
  Consequences,
  type HoldVerdict,
  organizationOf,
} from './verdicts/consequences';

export interface GatewayDeps extends ConsequenceDeps {
  readonly gate: PermitGate;
  readonly counter: CallCounter;
  /**
   * As which generation of the settings an account's pool and limits are registered, by its pool's key. Null for a
   * process that has no say in how they are; then only rows that are missing are made. Default: 0.
   */
  readonly generations?: ReadonlyMap<string, number> | null;
}

export class VendorGateway {
  private readonly registered = new Map<string, Promise<void>>();
  private readonly books: AnswerBooks;
  private readonly consequences: Consequences;
  private readonly trust = new TokenTrust();
  private readonly reserves: ReserveWatch;
  private readonly waits: WaitWatch;
  private deployment: Promise<Deployment> | null = null;

  constructor(private readonly deps: GatewayDeps) {
    this.books = new AnswerBooks(deps);
    this.consequences = new Consequences(deps);
    this.reserves = new ReserveWatch(deps);
    this.waits = new WaitWatch(deps);
  }

  /**
   * Makes one call. Returns the vendor's usable answer.
   * @throws PoolClosed, PermitWait (nothing was sent), CallFailed (with verdict), Unsatisfiable.
   */
  async call<R extends CallResult>(call: VendorCall<R>): Promise<R> {
    const { described, limits } = await this.describe(call);
    await this.checkLeave(call);
    const identify = await this.identify(call.account);
    let token = await this.token(call, 0);
    for (let renewed = false; ; renewed = true) {
      const fresh = this.isFresh(call, token) || renewed;
      const info: CallInfo = fresh ? { ...described, freshLogin: true } : described;
      const { permit, charges } = await this.permit(call, limits);
      const marks = this.books.depart(charges, permit.departAt);
      const departed = performance.now();
      const accessToken = token?.accessToken ?? null;
      const secrets = [...(call.secrets ?? []), ...(accessToken === null ? [] : [accessToken])];
      const pass = new CallPass(permit.sent, secrets, identify);
      const result = await this.sendUnderPermit(call, permit, accessToken, pass);
      const ageMs = performance.now() - departed;
      const judged = call.account.vendor.classify(info, result, Date.now());
      const verdict = withCaller(withoutSecrets(judged, pass), call);
      this.deps.counter.count(call.account.poolKey, call.operation, call.caller, verdict.kind);
      const tokensUsed = call.tokensUsed?.(result);
      const books = () =>
        this.books.keep(
          call.account,
          { limits, charges, departAt: permit.departAt, marks },
          { info, result, verdict, ageMs, tokensUsed },
        );
      if (verdict.kind === 'auth' && verdict.reason === 'expired' && token !== null && !renewed) {
        await books();
        // The vendor answered, but told nothing of the quota: another call may be the probe.
        if (permit.probe) await this.releaseProbe(call, permit);
        token = await this.token(call, token.version);
        continue;
      }
      if (verdict.kind === 'ok' && token) this.trust.prove(call.account.poolKey, token.version);
      // The verdict comes before the bookkeeping: a refusal that is not written would be met again.
      const following = this.consequences.follow(call, limits, permit, verdict);
      const [, kept] = await Promise.allSettled([following, books()]);
      await following;
      if (kept.status === 'rejected') throw kept.reason;
      return result;
    }
  }

  /** @throws DeploymentLost. */
  private async identify({ identity }: CallableAccount): Promise<(request: HttpRequest) => HttpRequest> {
    if (identity === undefined) return (request) => request;
    this.deployment ??= readDeployment(this.deps.db);
    try {
      const deployment = await this.deployment;
      return (request) => identity.identify(request, deployment);
    } catch (error) {
      this.deployment = null;
      throw error;
    }
  }

  /**
   * Leave for one call that another program sends. What came of it is to be told by `judge`, from whatever process.
   * @throws as `call`, when there is no leave.
   */
  async leave(call: CallTerms): Promise<Leave> {
    const { limits } = await this.describe(call);
    await this.checkLeave(call);
    const { permit, charges } = await this.permit(call, limits);
    return { permit, departed: this.departed(limits, charges, permit.departAt) };
  }

  /** What a call was charged to that has left by another process, or before this one began. */
  async recall(call: CallTerms, departAt: number): Promise<Departed> {
    const { limits } = await this.describe(call);
    return this.departed(limits, chargesOf(call, limits), departAt);
  }

  /**
   * What another program was answered, with everything that follows from it for the others.
   * @returns the verdict, and what `call` would have thrown; null for a usable answer.
   */
  async judge(
    call: CallTerms,
    { permit, departed }: Leave,
    outcome: JudgedOutcome,
  ): Promise<{ readonly verdict: Verdict; readonly error: unknown }> {
    const { result, ageMs, tokensUsed, freshLogin, usable } = outcome;
    const described = describeCall(call);
    const info: CallInfo = freshLogin ? { ...described, freshLogin } : described;
    const { vendor, account, operation } = described;
    const judged: Verdict = usable
      ? { kind: 'ok', evidence: { vendor, account, operation } }
      : call.account.vendor.classify(info, result, Date.now());
    const verdict = withCaller(judged, call);
    this.deps.counter.count(call.account.poolKey, call.operation, call.caller, verdict.kind);
    const books = this.books.keep(call.account, departed, { info, result, verdict, ageMs, tokensUsed });
    // A token that has run out is that program's to renew, and no word about the account.
    const following =
      verdict.kind === 'auth' && verdict.reason === 'expired'
        ? this.withoutWord(call, permit, verdict)
        : this.consequences.follow(call, departed.limits, permit, verdict);
    const [followed, kept] = await Promise.allSettled([following, books]);
    if (kept.status === 'rejected') throw kept.reason;
    return { verdict, error: followed.status === 'rejected' ? followed.reason : null };
  }

  /** The call was not sent after all: what its permit has taken of windows that count is given back. */
  async giveBack(call: CallTerms, { permit, departed }: Leave): Promise<void> {
    await returnUnused(this.deps.db, departed.charges, permit.departAt);
    if (permit.probe) await this.releaseProbe(call, permit);
  }

  private async withoutWord(call: CallTerms, permit: HeldPermit, verdict: AuthVerdict): Promise<never> {
    if (permit.probe) await this.releaseProbe(call, permit);
    throw new CallFailed(verdict, 0, false);
  }

  private departed(limits: readonly LimitInstance[], charges: readonly Charge[], departAt: number): Departed {
    return { limits, charges, departAt, marks: this.books.depart(charges, departAt) };
  }

  private async describe(
    call: CallTerms,
  ): Promise<{ readonly described: CallInfo; readonly limits: LimitInstance[] }> {
    const described = describeCall(call);
    const limits = resolveLimits(described.vendor, call.account.limits, call.operation, described.attributes);
    await this.register(call.account, limits);
    return { described, limits };
  }

  private async checkLeave(call: CallTerms): Promise<void> {
    if (call.foreign) {
      const closed = await this.consequences.whyClosedToAll(call.account);
      if (closed) throw closed;
    }
    await this.consequences.checkKind(call);
  }

  /** The state of an account's pool as an error when it lets nothing through; null when calls may be tried. */
  whyClosed(account: CallableAccount): Promise<PoolClosed | null> {
    return this.consequences.whyClosed(account);
  }

  /**
   * Applies a verdict that did not come as one answer, but in a file of results or from several equal answers: the
   * pool is held or closed all the same.
   */
  async apply(call: CallTerms, verdict: HoldVerdict | QuotaVerdict): Promise<Error> {
    const epochs = await this.consequences.epochsOf(call.account);
    return verdict.kind === 'quota'
      ? this.consequences.close(call, epochs, verdict)
      : this.consequences.hold(call, epochs, verdict);
  }

  /** Why an account's pool is held; null when it is not, or for no known cause. */
  async holdCause({ poolKey }: CallableAccount): Promise<HoldCause | null> {
    const state = (await readPool(this.deps.db, poolKey))?.state;
    return state?.state === 'held' ? (state.cause ?? null) : null;
  }

  /** Somebody has logged in, or a token has come after all: a pool that was held for want of it is free. */
  async credentialsRenewed(account: CallableAccount): Promise<void> {
    const { db } = this.deps;
    await registerPool(db, account.poolKey, account.pool, undefined, null);
    const cause = (await readPool(db, account.poolKey))?.state;
    if (cause?.state !== 'held' || (cause.cause !== 'login' && cause.cause !== 'credentials')) return;
    const { after } = await applyPoolEvent(db, account.poolKey, { type: 'resume' });
    await this.deps.notifyPool(account, 'pause', after);
  }

  private releaseProbe(call: CallTerms, permit: HeldPermit): Promise<void> {
    return releaseProbe(this.deps.db, call.account.poolKey, permit.epoch, permit.organizationEpoch);
  }

  private isFresh(call: CallTerms, token: FreshToken | null): boolean {
    return token !== null && this.trust.isFresh(call.account.poolKey, token.version, performance.now());
  }

  private async token(call: CallTerms, staleVersion: number): Promise<FreshToken | null> {
    if (!call.auth) return null;
    for (let again = false; ; again = true) {
      try {
        return await call.auth.token(staleVersion, call.signal);
      } catch (error) {
        if (error instanceof CallFailed) throw await this.consequences.forWantOfToken(call, error);
        if (!(error instanceof CredentialsRefusedError)) throw error;
        const closed = await this.whyClosed(call.account);
        if (closed) throw closed;
        // Where a person has to log in, nothing is to be tried anew before that.
        if (call.account.loginByPerson) again = true;
        // Refused, but open: an operator has resumed meanwhile and the refusal is of before, or the pool's block was
        // lost. What the cache says now decides.
        if (!again) {
          await this.reconsider(call);
          continue;
        }
        const evidence: Evidence = {
          vendor: call.account.vendor.id,
          account: call.account.name,
          operation: 'login',
          message: error.reason,
        };
        const epochs = await this.consequences.epochsOf(call.account);
        throw await this.consequences.hold(call, epochs, { kind: 'auth', reason: 'refused', evidence });
      }
    }
  }

  /** A hold is over: what was refused before its end may be good by now. One caller asks, by the token's lease. */
  private async reconsider(call: CallTerms): Promise<void> {
    const record = await readPool(this.deps.db, call.account.poolKey);
    if (record === null) return;
    const { state, since, until } = record.state;
    await call.auth?.reconsider?.(state === 'held' ? (until ?? since) : since);
  }

  private async register(account: CallableAccount, limits: readonly LimitInstance[]): Promise<void> {
    // Keyed by definition too, so that a changed setting is registered without a restart.
    const { poolKey, organization = null } = account;
    const id = [poolKey, organization?.key ?? '', ...limits.map((l) => l.key)].join('|');
    let done = this.registered.get(id);
    if (!done) {
      const { db, generations } = this.deps;
      const generation = generations === null ? null : (generations?.get(poolKey) ?? 0);
      done = registerPool(db, poolKey, account.pool, organization, generation).then(() =>
        registerLimits(db, poolKey, limits, generation),
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
    const charges = chargesOf(call, limits);
    const slackMs = limits.reduce(
      (least, l) => Math.min(least, l.template.slackMs ?? defaultSlackMs(l.template.window)),
      Number.POSITIVE_INFINITY,
    );
    const permit = await this.acquire(call, charges, slackMs);
    if (!permit.granted) throw await this.denied(call, limits, permit, charges);
    return { permit, charges };
  }

  private async acquire(call: CallTerms, charges: readonly Charge[], slackMs: number) {
    await this.consequences.written(call.account);
    try {
      return await this.deps.gate.acquire(
        {
          pool: governed(call) ? call.account.poolKey : null,
          ...{ priority: call.priority, charges },
          ...(call.record ? { record: call.record } : {}),
        },
        {
          inlineWaitMs: call.inlineWaitMs,
          slackMs,
          operation: call.operation,
          ...(call.signal ? { signal: call.signal } : {}),
          ...(call.prepare ? { prepare: call.prepare } : {}),
        },
      );
    } catch (error) {
      if (!isUnregistered(error)) throw error;
      // Rows that this process has registered are gone. Its memory of them is void, and the pool may have been
      // closed: it is held for a moment, in which its workflow writes a pause back that it remembers.
      this.registered.clear();
      const organization = organizationOf(call.account);
      if (organization !== null) await this.holdLost(organization);
      const { state, until, reason, epoch } = await this.holdLost(call.account);
      throw new PoolClosed({ pool: call.account.poolKey, state, until, reason, epoch });
    }
  }

  private async holdLost(account: CallableAccount): Promise<PoolState> {
    const state = await holdLostPool(this.deps.db, account.poolKey, account.pool);
    await this.deps.notifyPool(account, 'pause', state);
    return state;
  }

  private async denied(
    call: CallTerms,
    limits: readonly LimitInstance[],
    denied: DeniedPermit,
    charges: readonly Charge[],
  ): Promise<Error> {
    const { account } = call;
    if (denied.deniedBy === 'pool' || denied.deniedBy === 'probe') {
      const pool = denied.stoppedBy ?? account.poolKey;
      const record = await readPool(this.deps.db, pool);
      return new PoolClosed({
        pool,
        state: denied.poolState,
        until: denied.retryAt,
        reason: record?.state.reason || `waiting for the probe`,
        epoch: pool === account.poolKey ? denied.epoch : denied.organizationEpoch,
      });
    }
    if (denied.retryAt === Number.POSITIVE_INFINITY) {
      const charge = charges.find((c) => c.key === denied.deniedBy);
      return new Unsatisfiable(denied.deniedBy, charge?.units ?? 1);
    }
    await this.reserves.note(call, limits, denied);
    await this.waits.note(call, limits, denied);
    return new PermitWait({ until: denied.retryAt ?? denied.now, limit: denied.deniedBy });
  }

  private async sendUnderPermit<R extends CallResult>(
    call: VendorCall<R>,
    permit: HeldPermit,
    token: string | null,
    pass: CallPass,
  ): Promise<R> {
    try {
      const result = await call.send(token, call.signal, pass);
      void permit.answered();
      return result;
    } catch (error) {
      // A bug or a cancellation: the permit is spent, but the pool must not wait for this probe's report.
      if (permit.probe) await this.releaseProbe(call, permit);
      throw error;
    }
  }
}

/** A permit of another program's, and what it was charged to. */
export interface Leave {
  readonly permit: HeldPermit;
  readonly departed: Departed;
}

/** What a program says that came of its call. */
export interface JudgedOutcome {
  readonly result: CallResult;
  /** The program's own word that the answer is good, where it has not shown it. */
  readonly usable: boolean;
  /** Since the departure, ms. */
  readonly ageMs: number;
  readonly tokensUsed: number | undefined;
  /** True when the call carried a token fetched because the one before was called expired. */
  readonly freshLogin: boolean;
}

function chargesOf({ tokens = 0 }: CallTerms, limits: readonly LimitInstance[]): Charge[] {
  return limits.map(({ key, template }) => ({ key, units: template.unit === 'calls' ? 1 : tokens }));
}

/** The vendor's words are read by people only: even a short password is taken out of them. */
function withoutSecrets(verdict: Verdict, pass: CallPass): Verdict {
  const { message } = verdict.evidence;
  if (message === undefined) return verdict;
  return { ...verdict, evidence: { ...verdict.evidence, message: pass.hideInMessage(message) } };
}

/** Whether the pool lets the call through, and hears of it. */
function governed(call: CallTerms): boolean {
  return !call.outsidePool && !call.foreign;
}

/** Where one thing may be refused and others not, it must be known who asked for it. */
function withCaller(verdict: Verdict, { account, caller }: CallTerms): Verdict {
  if (account.vendor.subject === undefined || verdict.kind === 'ok') return verdict;
  return { ...verdict, evidence: { ...verdict.evidence, caller } };
}

function describeCall({ account, operation, attributes, foreign }: CallTerms): CallInfo {
  const vendor = account.vendor.id;
  return {
    vendor,
    account: account.name,
    operation,
    attributes: { ...account.attributes, ...attributes, vendor, account: account.name },
    ...(foreign === true && { foreign }),
  };
}
