/**
 * Keeps vendors' answers about vehicles while Postgres is away: in memory, then on disk as well, and stored once. Each answer is
 * one of a day's few calls, and so is a page. Whoever waits for it waits for a while only; it is kept all the same.
 */
import type { Pool } from 'pg';
import { SECOND_MS } from '../../quota/durations';
import { readRetryMs } from '../../quota/reads/backoff';
import { type Answer, type AnswerAge, storeAnswer, storeAnswers } from '../../store/reads/answers';
import {
  failRead,
  keepProgress,
  type ReadFailure,
  type ReadKey,
  type ReadLease,
} from '../../store/reads/reads';
import { describeVehicle, storeVehicles } from '../../store/reads/vehicles';
import type { Vehicle } from '../../vendors/capabilities/vehicles';
import { held, isOurFault, type KeepDeps } from '../gateway/spool/held';

/** Its kind among spooled entries. */
export const READ_ANSWER = 'read-answer';

/** When a vendor was called and has answered, epoch ms by this machine's clock. */
export interface AskedAndAnswered {
  readonly asked: number;
  readonly answered: number;
}

type Kept =
  | { readonly kind: 'list'; readonly vehicles: readonly Vehicle[]; readonly requestId: string | null }
  | {
      readonly kind: 'answer';
      readonly answer: Answer;
      /** What the answer says about the vehicle itself. */
      readonly described: { readonly vehicleId: string; readonly vehicle: Partial<Vehicle> } | null;
    }
  | {
      readonly kind: 'answers';
      readonly key: Pick<ReadKey, 'account' | 'read'>;
      readonly answers: readonly (readonly [string, Answer])[];
    }
  | { readonly kind: 'pages'; readonly progress: unknown }
  | { readonly kind: 'failure'; readonly failure: ReadFailure; readonly waitMs: number };

export type KeptRead = Kept & {
  readonly account: string;
  readonly lease: ReadLease;
  readonly at: AskedAndAnswered;
};

/** Postgres is away. What was to be stored is kept. */
export class StoredLater extends Error {
  override readonly name = 'StoredLater';
  /** The code of Postgres, or of the network before it. */
  readonly code: unknown;

  constructor(cause: unknown) {
    super('Postgres is away: the answer is kept, and stored when it is back', { cause });
    this.code = (cause as { readonly code?: unknown } | null)?.code;
  }
}

/** How long the caller waits for Postgres, ms. */
const PATIENCE_MS = 30 * SECOND_MS;

/** @throws StoredLater after half a minute; an error of Postgres when the answer cannot be stored at all. */
export async function keepRead(
  { db, spool, stopping }: KeepDeps,
  kept: KeptRead,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  let trouble: unknown = new Error('Postgres does not answer');
  const keeping = held(
    async () => {
      try {
        await storeRead(db, kept);
      } catch (error) {
        trouble = error;
        throw error;
      }
    },
    { spool: spool && { to: spool, kind: READ_ANSWER, data: kept }, stopping },
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), patienceMs);
  });
  const ended = await Promise.race([
    keeping.catch((error: unknown) => {
      throw isOurFault(error) ? error : new StoredLater(error);
    }),
    late,
  ]).finally(() => clearTimeout(timer));
  // Nobody waits for its end any more.
  if (ended === 'late') {
    keeping.catch(() => undefined);
    throw new StoredLater(trouble);
  }
}

/** Stored twice it changes nothing: newer values stay. */
export async function storeRead(db: Pool, kept: KeptRead): Promise<void> {
  const { account, lease } = kept;
  const age = ageOf(kept.at);
  switch (kept.kind) {
    case 'list':
      return storeVehicles(db, lease, account, kept.vehicles, kept.requestId, age);
    case 'answer': {
      await storeAnswer(db, lease, kept.answer, age);
      const { described } = kept;
      if (described) await describeVehicle(db, account, described.vehicleId, described.vehicle);
      return;
    }
    case 'answers':
      return storeAnswers(db, lease, kept.key, new Map(kept.answers), age);
    case 'pages':
      return keepProgress(db, lease, kept.progress);
    case 'failure': {
      const { failure, waitMs } = kept;
      const retryMs = (failures: number) => readRetryMs(failure.kind, failures, waitMs);
      return failRead(db, lease, failure, retryMs, age.answeredMs);
    }
  }
}

/** An answer stored within this counts as of now: callers who began to wait for it since it came wait for this very answer. */
const AT_ONCE_MS = SECOND_MS;

function ageOf({ asked, answered }: AskedAndAnswered): AnswerAge {
  const now = Date.now();
  const answeredMs = Math.max(0, now - answered);
  // Clocks of two machines round differently: an answer stored right before the call is not newer.
  return { askedMs: Math.max(0, now - asked - 1), answeredMs: answeredMs < AT_ONCE_MS ? 0 : answeredMs };
}
