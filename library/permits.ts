/**
 * `sluice/permits`: Sluice's limits for the calls of any other program. All programs on the same Postgres share them,
 * with each other and with Sluice's own workers. A permit is charged to each limit of the call, all or nothing, by the
 * database's clock, and is committed before the call may leave. A crash can waste one permit; it cannot overspend.
 * Temporal is not needed.
 */

import { PermitGate } from '../activities/gateway/permits/gate';
import { LimitFeedback } from '../activities/gateway/verdicts/limit-feedback';
import { DAY_MS } from '../quota/durations';
import {
  defaultSlackMs,
  type LimitInstance,
  type LimitWindow,
  PRIORITIES,
  type Priority,
  type Reserve,
} from '../quota/limits/limit';
import { createPool } from '../store/db';
import { migrate } from '../store/migrate';
import { isUnregistered } from '../store/permits/permit-errors';
import { type DeniedPermit, listLimits, registerLimits } from '../store/permits/permits';
import { refuseLimits } from '../store/permits/refuse-limits';
import { releaseProbe } from '../store/pools/pools';
import { PermitError } from './permit-error';
import { checkAmount, checkedLimits, type PermitLimit } from './permit-limits';

export { PermitError, type PermitErrorCode } from './permit-error';
export type { LimitWindow, PermitLimit, Priority, Reserve };

/** One limit as it stands. Times are epoch ms. */
export interface PermitLimitStatus {
  readonly key: string;
  readonly unit: 'calls' | 'tokens';
  /** Burst or count. */
  readonly limit: number;
  readonly used: number;
  readonly left: number;
  /** When it is full again; null when it is, or when only the vendor knows. */
  readonly resetsAt: number | null;
  /** No call leaves before, because one was refused; null when none was. */
  readonly blockedUntil: number | null;
  readonly blockedReason: string;
}

/** What an answer's headers say of a limit. What they do not say is left out. */
export interface Announced {
  /** Rate of a token bucket, units a second. */
  readonly ratePerSecond?: number;
  /** A burst or a count. */
  readonly capacity?: number;
  /** Units left. */
  readonly remaining?: number;
  /** Milliseconds until the limit is full again. */
  readonly resetMs?: number;
}

export interface PermitsOptions {
  /** A Postgres, e.g. `postgres://user:secret@host/db`; Sluice's tables are made there when they are missing. */
  readonly databaseUrl: string;
  /** Whose limits these are, e.g. `acme-api`: keys are `NAME/LIMIT`. Programs that give the same name share them. */
  readonly name: string;
  /** What each call is charged to. The numbers of whoever opened last hold. */
  readonly limits: readonly PermitLimit[];
  /** Key of an account's pool of Sluice's, e.g. `openai/bios`: no permit while that one is paused or held. */
  readonly pool?: string;
  /** Keys of limits that Sluice's settings define, as `sluice pools` shows them: charged besides. */
  readonly sharedLimits?: readonly { readonly key: string; readonly unit: 'calls' | 'tokens' }[];
  /** Connections to Postgres, at most; 4 are enough for thousands of permits a second. Default 4. */
  readonly connections?: number;
  /** False: the tables must be there already, as where this program may not make any. Default true. */
  readonly migrate?: boolean;
}

export interface TakeOptions {
  /** Who goes first where a limit is short. Default `background`. */
  readonly priority?: Priority;
  /** What the call is charged to limits of tokens: an estimate, see `Permit.used`. Default 0. */
  readonly tokens?: number;
  /** Ends the waiting; `take` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Longest wait for a permit, ms, at most a day. Default 60,000. */
  readonly maxWaitMs?: number;
}

/** Leave for one call, now. Report its outcome by one of the functions where you can. */
export interface Permit {
  /** Time of the database at which the call leaves, epoch ms. */
  readonly departAt: number;
  /** The call was answered as it should be. @param tokens what it has really cost, where limits count tokens. */
  done(tokens?: number): Promise<void>;
  /**
   * The vendor has refused the call as too fast, with a 429 say: all callers of the limits wait from now on, and a rate
   * that is refused again and again is lowered until it is not.
   * @param waitMs the vendor's own wait (`Retry-After`). Default 1,000. @param reason for operators.
   * @returns when calls may leave again, epoch ms.
   */
  refused(waitMs?: number, reason?: string): Promise<number>;
  /** What the answer's headers announce of a limit by its name: its size, or what is left. */
  learned(limit: string, announced: Announced): Promise<void>;
}

export interface Permits {
  /**
   * Waits for a permit and its departure. The call has to leave at once when this resolves.
   * @throws PermitError: `not-yet`, `stopped`, `never-fits`, `unknown-limit`, `closed`, `invalid`; what Postgres throws.
   */
  take(options?: TakeOptions): Promise<Permit>;
  /** The limits as they stand. */
  status(): Promise<readonly PermitLimitStatus[]>;
  /** Ends the connections. Callers that still wait for a permit get `closed`. */
  close(): Promise<void>;
}

const DEFAULT_WAIT_MS = 60_000;
const DEFAULT_REFUSAL_MS = 1_000;
/** Permits may be given this long before they are due: the round trip is then no part of the distance of calls. */
const LEAD_MS = 20;

/** @throws PermitError `invalid` when the options cannot be used; what Postgres throws. */
export async function openPermits(options: PermitsOptions): Promise<Permits> {
  const limits = checkedLimits(options);
  if (options.migrate !== false) await migrate(options.databaseUrl);
  const db = createPool(options.databaseUrl, {
    max: options.connections ?? 4,
    use: 'permits',
    applicationName: `sluice-permits ${options.name}`.slice(0, 63),
  });
  try {
    await registerLimits(db, options.name, limits);
  } catch (error) {
    await db.end();
    throw error;
  }
  return new OpenPermits(db, options, limits);
}

class OpenPermits implements Permits {
  private readonly gate: PermitGate;
  private readonly feedback: LimitFeedback;
  private readonly slackMs: number;
  private readonly closing = new AbortController();
  private readonly units: readonly { readonly key: string; readonly unit: 'calls' | 'tokens' }[];

  constructor(
    private readonly db: ReturnType<typeof createPool>,
    private readonly options: PermitsOptions,
    limits: readonly LimitInstance[],
  ) {
    this.gate = new PermitGate(db, { leadMs: LEAD_MS });
    this.feedback = new LimitFeedback(db);
    this.slackMs = Math.min(MAX_SLACK_MS, ...limits.map(({ template }) => defaultSlackMs(template.window)));
    this.units = [
      ...limits.map(({ key, template }) => ({ key, unit: template.unit })),
      ...(options.sharedLimits ?? []),
    ].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async take(options: TakeOptions = {}): Promise<Permit> {
    if (this.closing.signal.aborted) throw this.closing.signal.reason;
    const { priority = 'background', tokens = 0, maxWaitMs = DEFAULT_WAIT_MS, signal } = options;
    if (!PRIORITIES.includes(priority)) {
      throw new PermitError('invalid', `priority: "${priority}" must be one of ${PRIORITIES.join(', ')}`);
    }
    checkAmount('tokens', tokens);
    checkAmount('maxWaitMs', maxWaitMs, DAY_MS);
    const { pool = null } = this.options;
    const charges = this.units.map(({ key, unit }) => ({ key, units: unit === 'calls' ? 1 : tokens }));
    const request = { pool, priority, charges };
    const held = await this.gate
      .acquire(request, {
        inlineWaitMs: maxWaitMs,
        slackMs: this.slackMs,
        signal: signal ? AbortSignal.any([signal, this.closing.signal]) : this.closing.signal,
      })
      .catch((error: unknown) => {
        throw isUnregistered(error)
          ? new PermitError('unknown-limit', String((error as Error).message))
          : error;
      });
    if (!held.granted) throw denial(held);
    if (held.probe && pool !== null) {
      // This call's outcome says nothing about the account: another of its calls is to be the probe.
      await releaseProbe(this.db, pool, held.epoch, held.organizationEpoch);
      throw new PermitError('stopped', `pool ${pool} waits for its probe`, pool, held.departAt + PROBE_MS);
    }
    held.sent();
    return this.permit(charges, tokens, held.departAt, held.answered);
  }

  private permit(
    charges: readonly { readonly key: string; readonly units: number }[],
    tokens: number,
    departAt: number,
    answered: () => Promise<void>,
  ): Permit {
    const keys = charges.map(({ key }) => key);
    const marks = this.feedback.depart(charges, departAt);
    const departed = performance.now();
    return {
      departAt,
      done: async (used = tokens) => {
        checkAmount('tokens', used);
        await answered();
        const counted = this.units.filter(({ unit }) => unit === 'tokens' && used !== tokens);
        await Promise.all(counted.map(({ key }) => this.feedback.settle(key, used - tokens, departAt)));
        await this.feedback.admitted(keys, departAt);
      },
      refused: async (waitMs = DEFAULT_REFUSAL_MS, reason = 'the vendor refused a call as too fast') => {
        checkAmount('waitMs', waitMs, 31 * DAY_MS);
        await answered();
        return refuseLimits(this.db, keys, { departAt, waitMs, reason });
      },
      learned: async (limit, announced) => {
        const mark = marks.find(({ key }) => key === `${this.options.name}/${limit}`);
        if (!mark) throw new PermitError('unknown-limit', `"${limit}" is no limit of this permit`);
        for (const [name, value] of Object.entries(announced)) checkAmount(name, value);
        await this.feedback.learn(mark, { limit, ...announced }, performance.now() - departed);
      },
    };
  }

  async status(): Promise<readonly PermitLimitStatus[]> {
    const keys = new Set(this.units.map(({ key }) => key));
    return (await listLimits(this.db))
      .filter(({ key }) => keys.has(key))
      .map(({ key, unit, limit, used, left, resetsAt, blockedUntil, blockedReason }) => ({
        ...{ key, unit, limit, used, left, resetsAt, blockedUntil, blockedReason },
      }));
  }

  async close(): Promise<void> {
    if (this.closing.signal.aborted) return;
    this.closing.abort(new PermitError('closed', 'these permits were closed'));
    await this.db.end();
  }
}

/** Of limits that others have defined, no more is known. */
const MAX_SLACK_MS = 4;
/** When it is worth asking again whether a probe has ended well, ms. */
const PROBE_MS = 1_000;

function denial({ deniedBy, stoppedBy, retryAt }: DeniedPermit): PermitError {
  if (stoppedBy !== null) {
    const until =
      retryAt === null ? 'until an operator resumes it' : `until ${new Date(retryAt).toISOString()}`;
    return new PermitError('stopped', `pool ${stoppedBy} lets nothing through ${until}`, stoppedBy, retryAt);
  }
  if (retryAt === Number.POSITIVE_INFINITY) {
    return new PermitError('never-fits', `the call needs more of ${deniedBy} than it ever holds`, deniedBy);
  }
  const until = retryAt === null ? 'later' : `at ${new Date(retryAt).toISOString()}`;
  return new PermitError('not-yet', `${deniedBy} has room for this call only ${until}`, deniedBy, retryAt);
}
