/**
 * Applies a verdict: the block that stops every caller, the pool's state, and the error that the caller gets. All of
 * it is in Postgres before the error is thrown, so that no other caller has to be refused first.
 */
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { MINUTE_MS } from '../../../quota/durations';
import type { LimitInstance } from '../../../quota/limits/limit';
import { RATE_ALERT, type RateAlertPolicy } from '../../../quota/limits/rate-alert';
import { isBlocked, type PoolEvent, type PoolState, stopping } from '../../../quota/pools/pool';
import { backoffFor, MIN_DELAY_MS, retryDelayMs } from '../../../quota/retry-delay';
import {
  type AuthVerdict,
  describeEvidence,
  type Evidence,
  type QuotaVerdict,
  type RateVerdict,
  type Verdict,
} from '../../../quota/verdict';
import type { CallableAccount } from '../../../settings/accounts/accounts';
import { settleDoubts } from '../../../store/permits/quota-doubts';
import { type RefusalOutcome, recordAccepted, recordRefusal } from '../../../store/permits/rate-refusals';
import { applyPoolEvent, readPools, readStoppingPools, releaseProbe } from '../../../store/pools/pools';
import { recordLoginNeeded } from '../../../store/secrets/grants';
import { logEvent } from '../../log/emit';
import { warnOnce } from '../../log/warn-once';
import { CallFailed, PoolClosed } from '../call-errors';
import { type CallTerms, isGoverned } from '../call-terms';
import type { HeldPermit } from '../permits/gate';
import { held, isOurFault } from '../spool/held';
import type { Spool } from '../spool/spool';
import { Narrowing } from './narrowing';
import { narrowRefusal } from './quota-doubt';

export interface ConsequenceDeps {
  readonly db: Pool;
  readonly log: Logger;
  /** Tells the pool's workflow; must not throw (Postgres holds the block in any case). */
  readonly notifyPool: (
    account: CallableAccount,
    cause: PoolEvent['type'],
    state: PoolState,
  ) => Promise<void>;
  /** 0 to below 1. */
  readonly random?: () => number;
  /** Keeps refusals on disk while Postgres is away; null or left out: in memory only. */
  readonly spool?: Spool | null;
  /** Aborted when this process is to end. */
  readonly stopping?: AbortSignal;
  /** When refusals are worth an alert. */
  readonly rateAlerts?: RateAlertPolicy;
}

/** What closes a pool and does not concern every call. */
export interface Excused {
  /** The quota is used up, and does not count the call: credentials of others, or an operation outside the metered API. */
  readonly quota?: boolean;
  /** The pool waits for a login, and this is one. */
  readonly login?: boolean;
}

export type HoldVerdict = Extract<Verdict, { kind: 'auth' | 'billing' | 'blocked' }>;

/** Epochs that a call left under: an event of an earlier one is late. */
export type PoolEpochs = Pick<HeldPermit, 'epoch' | 'organizationEpoch'>;

/** Of accepted calls, one tells that refusals are no longer in a row; the first after a refusal, and then so often, ms. */
const ACCEPTED_EVERY_MS = 1000;

export class Consequences {
  private readonly acceptedAt = new Map<string, number>();
  /** Refusals that are being written, by pool, with when that began: see `written`. */
  private readonly writing = new Map<Promise<unknown>, { readonly pool: string; readonly since: number }>();

  private readonly narrowing: Narrowing;

  constructor(private readonly deps: ConsequenceDeps) {
    this.narrowing = new Narrowing(deps);
  }

  /** @throws PermitWait while calls of this kind are stopped for themselves. */
  async checkKind(call: CallTerms): Promise<void> {
    await this.narrowing.check(call);
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
      // What the answer said of one of pool and organization, it did not say of the other: another call may be its probe.
      if (permit.probe) {
        await this.atBest(call, () =>
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
        await this.atBest(call, async () => {
          await this.reportAccepted(call, limits, permit);
          await this.narrowing.accepted(call, permit.departAt);
          await this.reportAnswered(call, permit);
        });
        return;
      case 'pending':
      case 'invalid':
        // The vendor answered: that ends a probe as well as a usable answer does.
        await this.atBest(call, async () => {
          await this.narrowing.accepted(call, permit.departAt);
          await this.reportAnswered(call, permit);
        });
        throw new CallFailed(verdict, 0, false);
      case 'gone':
        if (verdict.ofRequest) throw new CallFailed(verdict, 0, false);
        await this.atBest(call, async () => {
          await this.narrowing.accepted(call, permit.departAt);
          await this.reportAnswered(call, permit);
        });
        throw new CallFailed(verdict, 0, false);
      case 'rate':
        throw await this.slowDown(call, limits, permit, verdict);
      case 'server': {
        if (!call.foreign && !isSilentDevice(call, verdict.evidence)) {
          await this.atBest(call, async () =>
            this.poolEvent(call.account, {
              type: 'failure',
              // Who cannot log in cannot call: a login's failures count as those of any call.
              epoch: (await this.epochsFor(call, permit)).epoch,
              reason: describeEvidence(verdict.evidence),
              evidence: verdict.evidence,
            }),
          );
        }
        const { server } = call.account.retry;
        const wait = retryDelayMs(server, call.attempt, verdict.statedWaitMs, this.jitter());
        throw new CallFailed(verdict, wait, mayRetry(call, verdict));
      }
      case 'quota':
        if (call.foreign) throw new CallFailed(verdict, 0, false);
        if (verdict.ofRequest) throw new CallFailed(verdict, 0, false);
        throw (
          (await this.refusal(call.account, () =>
            narrowRefusal(this.deps, call, limits, permit.departAt, verdict),
          )) ??
          (await this.narrow(call, permit, verdict)) ??
          (await this.close(call, await this.epochsFor(call, permit), verdict))
        );
      case 'auth': {
        if (call.foreign) throw new CallFailed(verdict, 0, false);
        const narrow = await this.narrow(call, permit, verdict);
        throw narrow ?? (await this.hold(call, await this.epochsFor(call, permit), verdict));
      }
      case 'billing':
      case 'blocked':
        if (call.foreign) throw new CallFailed(verdict, 0, false);
        if (verdict.kind === 'blocked' && verdict.ofRequest) throw new CallFailed(verdict, 0, false);
        throw await this.hold(call, await this.epochsFor(call, permit), verdict);
    }
  }

  private narrow(call: CallTerms, { departAt }: HeldPermit, verdict: QuotaVerdict | AuthVerdict) {
    const jitter = this.jitter();
    return this.refusal(call.account, () => this.narrowing.refused(call, departAt, verdict, jitter));
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
    if (mayRetry(call, verdict) || call.account.pool.lookAgain === undefined) {
      return new CallFailed(verdict, grown, mayRetry(call, verdict));
    }
    // What the token was wanted for is not to blame: the account stands still, with the login's answer as the cause.
    const { evidence } = verdict;
    const epochs = await this.epochsOf(call.account);
    return this.hold(call, epochs, { kind: 'blocked', reason: 'configuration', evidence });
  }

  /**
   * What stops calls, as an error: the account's pool, or its organization's; null when they may be tried.
   * @param excused what does not stop calls of this kind.
   */
  async whyClosed(account: CallableAccount, excused: Excused = {}): Promise<PoolClosed | null> {
    const now = Date.now();
    const pools = await readStoppingPools(this.deps.db, account.poolKey);
    const found = stopping(
      pools.filter(({ state }) => !isExcused(state, excused)),
      now,
    );
    return found !== null && isBlocked(found.state, now) ? poolClosed(found.key, found.state) : null;
  }

  /**
   * Holds the pool until an operator resumes; for an organization's limit, the organization's, and so each account of
   * it. @returns the error for the caller.
   */
  async hold(call: CallTerms, epochs: PoolEpochs, verdict: HoldVerdict): Promise<Error> {
    // Calls in flight together report one refusal, each with a request id of its own: that is kept as evidence only.
    const { requestId: _, ...told } = verdict.evidence;
    const organization = organizationMeant(call.account, verdict);
    const account = organization ?? call.account;
    const cause = causeOf(verdict, account);
    const ofOrganization = organization !== null && cause === 'billing';
    const why = ofOrganization ? ORGANIZATION_REASON : await this.holdReason(cause, call, verdict);
    const state = await this.poolEvent(account, {
      type: 'hold',
      epoch: organization === null ? epochs.epoch : epochs.organizationEpoch,
      reason: `${why}: ${describeEvidence(told)}`,
      evidence: verdict.evidence,
      cause,
    });
    await this.atBest(call, () => this.narrowing.standBack(call, state.until));
    return poolClosed(account.poolKey, state, verdict);
  }

  /** Where a login is needed, that is noted first: its event is told once, whatever becomes of the pool. */
  private async holdReason(
    cause: keyof typeof HOLD_REASON,
    { account }: CallTerms,
    verdict: HoldVerdict,
  ): Promise<string> {
    if (cause !== 'login') return HOLD_REASON[cause];
    const refused = describeEvidence(verdict.evidence);
    const { news, lostAt } = await this.refusal(account, () =>
      recordLoginNeeded(this.deps.db, account.poolKey, refused),
    );
    if (news) {
      const about = { pool: account.poolKey, reason: refused, lostAt };
      logEvent(this.deps.log, 'login.needed', about, `${account.poolKey}: needs a login`);
    }
    const lost =
      lostAt === null
        ? ''
        : `; the answer to a refresh at ${new Date(lostAt).toISOString()} was lost, and the refresh token with it`;
    // As client/operations/hints.ts has it: the command line shows a command in its place.
    return `${HOLD_REASON.login}: \`login ${account.name}\`${lost}`;
  }

  async epochsOf({ poolKey, organization }: CallableAccount): Promise<PoolEpochs> {
    const found = await readPools(this.deps.db, [poolKey, organization?.key ?? poolKey]);
    const epochOf = (key: string | undefined) => found.find((pool) => pool.key === key)?.state.epoch ?? 0;
    return { epoch: epochOf(poolKey), organizationEpoch: epochOf(organization?.key) };
  }

  /** Closes the pool for want of quota, or the organization's whose quota it is. @returns the error for the caller. */
  async close(call: CallTerms, epochs: PoolEpochs, verdict: QuotaVerdict): Promise<Error> {
    const organization = organizationMeant(call.account, verdict);
    const account = organization ?? call.account;
    const state = await this.poolEvent(account, {
      type: 'quota',
      epoch: organization === null ? epochs.epoch : epochs.organizationEpoch,
      statedWaitMs: verdict.statedWaitMs,
      reason: describeEvidence(verdict.evidence),
      evidence: verdict.evidence,
      jitter: this.jitter(),
    });
    await this.atBest(call, () => this.narrowing.standBack(call, state.until));
    return poolClosed(account.poolKey, state, verdict);
  }

  private async slowDown(
    call: CallTerms,
    limits: readonly LimitInstance[],
    permit: HeldPermit,
    verdict: RateVerdict,
  ): Promise<Error> {
    const { account, caller } = call;
    const { rate } = account.retry;
    this.acceptedAt.clear();
    const { statedWaitMs, evidence } = verdict;
    const jitter = this.jitter();
    const named = limits.find((l) => l.template.name === verdict.limit)?.key ?? null;
    const blocked = named === null ? limits.map((l) => l.key) : [named];
    const refusal = {
      pool: account.poolKey,
      limits: blocked,
      named,
      caller,
      evidence,
      departedAt: permit.departAt,
      statedWaitMs,
      jitter,
      escalation: rate.shared ? rate : null,
      waitMs: retryDelayMs(rate, call.attempt, statedWaitMs, jitter),
    };
    const refused = await this.refusal(account, () =>
      recordRefusal(this.deps.db, refusal, this.deps.rateAlerts ?? RATE_ALERT),
    );
    const waitMs = Math.max(MIN_DELAY_MS, Math.ceil(refused.waitMs));
    this.logRefusal(call, { subject: named ?? account.poolKey, limits: blocked }, verdict, {
      ...refused,
      waitMs,
    });
    return new CallFailed(verdict, waitMs, mayRetry(call, verdict));
  }

  private logRefusal(
    call: CallTerms,
    { subject, limits }: { readonly subject: string; readonly limits: readonly string[] },
    verdict: RateVerdict,
    refused: RefusalOutcome,
  ): void {
    const { caller } = call;
    const { operation, code, message } = verdict.evidence;
    const { waitMs, strikes, alert } = refused;
    const about = { subject, limit: subject, pool: call.account.poolKey, caller, operation, code };
    logEvent(
      this.deps.log,
      'limit.refused',
      { ...about, limits, message, waitMs, strikes },
      `${subject}: the vendor refused ${operation} of ${caller} as too fast`,
    );
    if (alert === null) return;
    const { windowMs } = this.deps.rateAlerts ?? RATE_ALERT;
    logEvent(
      this.deps.log,
      'limit.alert',
      { ...about, refusals: alert, windowMs },
      `${subject}: refused ${alert} times in ${Math.round(windowMs / MINUTE_MS)} minutes; is somebody else calling, or is the limit set too high?`,
    );
  }

  /** Only vendors whose waits grow over all callers, or whose quota refusals leave something open, need to know. */
  private async reportAccepted(
    call: CallTerms,
    limits: readonly LimitInstance[],
    permit: HeldPermit,
  ): Promise<void> {
    const { account } = call;
    const { db } = this.deps;
    // What a login or somebody else's call is told says nothing of the account's quota.
    const ofQuota = account.vendor.ambiguousQuota === true && !call.foreign && !call.outsidePool;
    const keys = limits.map((l) => l.key);
    await Promise.all([
      account.retry.rate.shared && this.isAcceptanceReported(keys)
        ? recordAccepted(db, keys, permit.departAt)
        : null,
      ofQuota ? settleDoubts(db, account.poolKey, permit.departAt) : null,
    ]);
  }

  /** Another process may have met the refusals: without one of our own it is told now and then. */
  private isAcceptanceReported(keys: readonly string[]): boolean {
    const id = keys.join('|');
    const now = performance.now();
    if (now - (this.acceptedAt.get(id) ?? Number.NEGATIVE_INFINITY) < ACCEPTED_EVERY_MS) return false;
    this.acceptedAt.set(id, now);
    return true;
  }

  /** Without a permit of the pool's, as a login is, no epoch is known: what it is told concerns the pool as it is now. */
  private async epochsFor(call: CallTerms, permit: HeldPermit): Promise<PoolEpochs> {
    return isGoverned(call) || call.foreign
      ? permit
      : held(() => this.epochsOf(call.account), { patienceMs: LOOK_MS });
  }

  /**
   * Writes a refusal, however long Postgres is away: it must not be met twice. Who wants a permit of the same pool
   * meanwhile waits for it.
   */
  private async refusal<T>(
    { poolKey }: CallableAccount,
    write: () => Promise<T>,
    data: SpooledPoolEvent | null = null,
  ): Promise<T> {
    const { spool, stopping } = this.deps;
    const keep = spool && data !== null ? { to: spool, kind: POOL_EVENT, data } : null;
    const writing = held(write, { spool: keep, stopping });
    this.writing.set(writing, { pool: poolKey, since: performance.now() });
    try {
      return await writing;
    } finally {
      this.writing.delete(writing);
    }
  }

  /** Resolves when refusals of the account that are long in writing are written, or left to somebody else. */
  async written({ poolKey, organization }: CallableAccount): Promise<void> {
    if (this.writing.size === 0) return;
    const late = performance.now() - LATE_WRITE_MS;
    const awaited = [...this.writing].filter(
      ([, { pool, since }]) => since < late && (pool === poolKey || pool === organization?.key),
    );
    await Promise.allSettled(awaited.map(([writing]) => writing));
  }

  /** What an accepted call tells besides is worth no answer: with Postgres away it is left out. */
  private async atBest(call: CallTerms, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (isOurFault(error)) throw error;
      const about = { pool: call.account.poolKey };
      warnOnce(this.deps.log, about, error, 'what an answer tells of the pool was not written');
    }
  }

  private jitter(): number {
    return (this.deps.random ?? Math.random)() * 2 - 1;
  }

  private async reportAnswered(call: CallTerms, permit: HeldPermit): Promise<void> {
    if (permit.probe || permit.failures > 0) {
      await this.poolEvent(call.account, { type: 'success', epoch: permit.epoch });
    }
    const organization = permit.probe ? organizationOf(call.account) : null;
    if (organization !== null) {
      await this.poolEvent(organization, { type: 'success', epoch: permit.organizationEpoch });
    }
  }

  private async poolEvent(account: CallableAccount, event: PoolEvent): Promise<PoolState> {
    const apply = () => applyPoolEvent(this.deps.db, account.poolKey, event);
    const closes = event.type === 'quota' || event.type === 'hold';
    const change = closes
      ? await this.refusal(account, apply, { key: account.poolKey, event })
      : await apply();
    if (change.changed) {
      const { after } = change;
      logEvent(
        this.deps.log,
        `pool.${after.state}`,
        {
          pool: account.poolKey,
          from: change.before.state,
          cause: event.type,
          until: after.until === null ? null : new Date(after.until).toISOString(),
          reason: after.reason,
          strikes: after.strikes,
          evidence: after.evidence,
          hint: after.hint,
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

/** A pool's event as it is kept on disk. */
export interface SpooledPoolEvent {
  readonly key: string;
  readonly event: Extract<PoolEvent, { type: 'quota' | 'hold' }>;
}

/** Its kind among spooled entries. */
export const POOL_EVENT = 'pool-event';

/** A refusal that takes longer than this to write is waited for by the next call, ms. */
const LATE_WRITE_MS = 250;
/** To find out what a login's verdict concerns, ms. */
const LOOK_MS = 30_000;

/** The connection stood and the answer did not come. */
const SILENCE: ReadonlySet<string | undefined> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function isSilentDevice(call: CallTerms, { code }: Evidence): boolean {
  return call.answeredByDevice === true && SILENCE.has(code);
}

function mayRetry(call: CallTerms, verdict: Verdict): boolean {
  const backoff = backoffFor(call.account.retry, verdict.kind);
  return backoff !== null && call.attempt < backoff.attempts;
}

/** An account's organization as what is told of and steered like a pool; null without one. */
export function organizationOf(account: CallableAccount): CallableAccount | null {
  const { organization } = account;
  return organization === undefined
    ? null
    : { ...account, poolKey: organization.key, pool: organization.policy };
}

/** The organization that a verdict is about; null where it is about the account. */
function organizationMeant(
  account: CallableAccount,
  verdict: HoldVerdict | QuotaVerdict,
): CallableAccount | null {
  return 'scope' in verdict && verdict.scope === 'organization' ? organizationOf(account) : null;
}

function isExcused({ state, cause }: PoolState, { quota = false, login = false }: Excused): boolean {
  if (state === 'quota_paused') return quota;
  return login && state === 'held' && (cause === 'login' || cause === 'credentials');
}

function poolClosed(pool: string, state: PoolState, verdict: Verdict | null = null): PoolClosed {
  const { until, epoch } = state;
  const reason = state.reason || (verdict === null ? '' : describeEvidence(verdict.evidence));
  return new PoolClosed({ pool, state: state.state, until, reason, epoch }, verdict);
}

const ORGANIZATION_REASON = "an organization's limit is reached: settle it with the vendor, then resume";

function causeOf(verdict: HoldVerdict, { loginByPerson }: CallableAccount): keyof typeof HOLD_REASON {
  if (verdict.kind === 'auth') return loginByPerson ? 'login' : 'credentials';
  return verdict.kind === 'blocked' && verdict.reason === 'configuration' ? 'configuration' : verdict.kind;
}

const HOLD_REASON = {
  credentials: 'credentials refused: set new ones, then resume',
  login: 'needs a login',
  configuration: 'an answer that any request would have got: check addresses, proxies and the account',
  billing: 'a paid limit is reached: settle it with the vendor, then resume',
  blocked: 'the vendor refuses this client: clear it with the vendor, then resume',
} as const;
