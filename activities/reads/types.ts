/** What reads of vehicles take and yield. Times are epoch ms by the database's clock. */
import type { Priority } from '../../quota/limits/limit';
import type { StoredAnswer, ValueSource } from '../../store/reads/answers';

export interface ReadAsk {
  readonly account: string;
  readonly vehicleId: string;
  readonly read: string;
  /** As given: instants as ISO 8601 text or epoch ms. */
  readonly params?: Readonly<Record<string, string | number>>;
  /** How old the answer may be, ms; 0: not from before now. Default: as the vendor or the settings say. */
  readonly maxAgeMs?: number;
  /** Asks although it has failed lately, or the vendor refuses it. */
  readonly force?: boolean;
  /** Default: interactive, which may use the reserve. */
  readonly priority?: Priority;
  /** `polling`: read on schedule and not by a person. */
  readonly source?: 'call' | 'polling';
  /** Under which the call is counted; default: the vendor's name for it. */
  readonly caller?: string;
  /** Longest wait for leave to call, ms; default: the settings'. */
  readonly waitMs?: number;
}

/** Why nothing fresher can be had now. */
export interface Unavailable {
  /**
   * `quota`: the vendor has reported the quota as used up. `pool`: nothing is called for another reason. `limit`: a limit of ours has nothing left. `failed`: it was tried, and it is too early
   * for another try. `refused`: so, and the vendor does not serve it. `asking`: a call is under way.
   */
  readonly cause: 'quota' | 'pool' | 'limit' | 'failed' | 'refused' | 'asking';
  readonly reason: string;
  /** When a fresher answer may be had; null when that is unknown, or an operator has to end it. */
  readonly until: number | null;
  /** Key of the pool or limit that stands in the way. */
  readonly pool?: string;
  readonly limit?: string;
  /** Of the vendor's answer that began it. */
  readonly requestId?: string;
}

export interface ServedRead {
  readonly account: string;
  readonly vehicleId: string;
  readonly read: string;
  readonly params: Readonly<Record<string, string | number>>;
  readonly answer: StoredAnswer;
  /** As of when it holds: the last whole answer, or later where a stream has reported every change since. */
  readonly freshAt: number;
  readonly ageMs: number;
  readonly source: ValueSource;
  /** The vendor's id of the request that brought the last whole answer. */
  readonly requestId: string | null;
  readonly servedFrom: 'call' | 'database' | 'memory';
  /** Why it is older than requested; null when it is not. */
  readonly stale: Unavailable | null;
}

/** Something given cannot be right. Nothing has been sent. */
export class ReadInputError extends RangeError {
  override readonly name = 'ReadInputError';
  constructor(
    readonly field: 'vehicle' | 'read' | 'params' | 'account',
    readonly code: 'INVALID_INPUT' | 'MISSING_INPUT' | 'UNKNOWN_FIELD' | 'UNKNOWN_NAME' | 'NOT_APPLICABLE',
    message: string,
  ) {
    super(message);
  }
}

/** Nothing is stored, and no call is possible now. */
export class NothingToServe extends Error {
  override readonly name = 'NothingToServe';
  constructor(
    what: string,
    readonly why: Unavailable,
  ) {
    super(`${what} was never answered, and cannot be called now: ${why.reason}`);
  }
}
