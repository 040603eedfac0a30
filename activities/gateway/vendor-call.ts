/**
 * The gateway: every call to a vendor goes through it, as permit, call, verdict and consequence. Nothing else in the project
 * sends a request to a vendor.
 *
 * What happens at a crash: before the permit is committed nothing has happened; between permit and answer the permit
 * is spent and the pool's block, if the answer would have been one, is learned by the next call.
 */
import { isFreedByLogin } from '../../quota/pools/pool';
import type { HoldCause } from '../../quota/pools/state';
import type { Evidence, QuotaVerdict, Verdict } from '../../quota/verdict';
import { type CallableAccount, isUnmetered } from '../../settings/accounts/accounts';
import { readDeployment } from '../../store/deployment';
import type { CallCounter } from '../../store/permits/call-counts';
import { applyPoolEvent, readPool, registerPool } from '../../store/pools/pools';
import { CredentialsRefusedError, type FreshToken } from '../../store/secrets/fresh-token';
import type { CallInfo, CallResult, Deployment } from '../../vendors/contract';
import type { HttpRequest } from '../../vendors/http';
import { CallFailed, type PoolClosed } from './call-errors';
import { CallPass } from './call-pass';
import { type CallTerms, type VendorCall, withCaller } from './call-terms';
import { TokenTrust } from './credentials/token-trust';
import { CallLeaves, type LeaveDeps } from './leaves';
import { OutsideCalls } from './outside-calls';
import type { HeldPermit } from './permits/gate';
import { AnswerBooks } from './verdicts/answer-books';
import { Consequences } from './verdicts/consequences';
import { judge } from './verdicts/judge';
import type { HoldVerdict } from './verdicts/organization';

export interface GatewayDeps extends LeaveDeps {
  readonly counter: CallCounter;
}

export class VendorGateway {
  /** Calls that other programs send. */
  readonly outside: OutsideCalls;
  private readonly leaves: CallLeaves;
  private readonly books: AnswerBooks;
  private readonly consequences: Consequences;
  private readonly trust = new TokenTrust();
  private deployment: Promise<Deployment> | null = null;

  constructor(private readonly deps: GatewayDeps) {
    this.books = new AnswerBooks(deps);
    this.consequences = new Consequences(deps);
    this.leaves = new CallLeaves(deps, this.consequences);
    this.outside = new OutsideCalls(this.leaves, this.books, this.consequences, deps);
  }

  /**
   * Makes one call. Returns the vendor's usable answer.
   * @throws PoolClosed, PermitWait (nothing was sent), CallFailed (with verdict), Unsatisfiable.
   */
  async call<R extends CallResult>(call: VendorCall<R>): Promise<R> {
    const { described, limits } = await this.leaves.describe(call);
    await this.leaves.check(call);
    const identify = await this.identify(call.account);
    let token = await this.token(call, 0);
    for (let renewed = false; ; renewed = true) {
      const fresh = this.isFresh(call, token) || renewed;
      const info: CallInfo = fresh ? { ...described, freshLogin: true } : described;
      const { permit, charges } = await this.leaves.permit(call, limits);
      const marks = this.books.depart(charges, permit.departAt);
      const departed = performance.now();
      const accessToken = token?.accessToken ?? null;
      const secrets = [...(call.secrets ?? []), ...(accessToken === null ? [] : [accessToken])];
      const pass = new CallPass(permit.sent, secrets, identify);
      const result = await this.sendUnderPermit(call, permit, accessToken, pass);
      const ageMs = performance.now() - departed;
      const judged = judge(call.account.vendor, info, result, Date.now());
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
        // The vendor answered, but said nothing about the quota: another call may be the probe.
        if (permit.probe) await this.leaves.releaseProbe(call, permit);
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
   * The state of an account's pool as an error when it lets nothing through; null when calls may be tried.
   * @param operation that is to be called: a used-up quota does not stop one outside the metered API.
   * @param login whether it is part of a login, which a pool that waits for one lets go.
   */
  whyClosed(account: CallableAccount, operation?: string, login = false): Promise<PoolClosed | null> {
    const quota = operation !== undefined && isUnmetered(account, operation);
    return this.consequences.stops.whyClosed(account, { quota, login });
  }

  /**
   * Applies a verdict that did not come as one answer, but in a file of results or from several equal answers: the
   * pool is held or closed all the same.
   */
  async apply(call: CallTerms, verdict: HoldVerdict | QuotaVerdict): Promise<Error> {
    return this.consequences.apply(call, verdict);
  }

  /** Why an account's pool is held; null when it is not, or for no known cause. */
  async holdCause({ poolKey }: CallableAccount): Promise<HoldCause | null> {
    const state = (await readPool(this.deps.db, poolKey))?.state;
    return state?.state === 'held' ? (state.cause ?? null) : null;
  }

  /** A person has logged in, or a token has come after all: a pool that was held for it is freed. */
  async credentialsRenewed(account: CallableAccount): Promise<void> {
    const { db } = this.deps;
    await registerPool(db, account.poolKey, account.pool, undefined, null);
    const cause = (await readPool(db, account.poolKey))?.state;
    if (cause?.state !== 'held' || !isFreedByLogin(cause.cause)) return;
    const { after } = await applyPoolEvent(db, account.poolKey, { type: 'resume' });
    await this.deps.notifyPool(account, 'pause', after);
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
        // Where a person has to log in, nothing is tried again before that.
        if (call.account.loginByPerson) again = true;
        // Refused, but open: an operator has resumed meanwhile and the refusal is older, or the pool's block was
        // lost. The cache as it is now decides.
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
        throw await this.consequences.apply(call, { kind: 'auth', reason: 'refused', evidence });
      }
    }
  }

  /** A hold is over: credentials refused before its end may be good by now. One caller tries, by the token's lease. */
  private async reconsider(call: CallTerms): Promise<void> {
    const record = await readPool(this.deps.db, call.account.poolKey);
    if (record === null) return;
    const { state, since, until } = record.state;
    await call.auth?.reconsider?.(state === 'held' ? (until ?? since) : since);
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
      if (permit.probe) await this.leaves.releaseProbe(call, permit);
      throw error;
    }
  }
}

/** The vendor's message is read by people only: even a short password is taken out of it. */
function withoutSecrets(verdict: Verdict, pass: CallPass): Verdict {
  const { message } = verdict.evidence;
  if (message === undefined) return verdict;
  return { ...verdict, evidence: { ...verdict.evidence, message: pass.hideInMessage(message) } };
}
