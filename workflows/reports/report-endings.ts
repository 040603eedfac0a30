/** How one pass over a chunk can end: what a report's final state, or a call's failure, means for the window. */
import type { FatalOutcome, RecordedChunk } from '../../activities/reports/types';
import { type CallFailureDetails, FAILURE } from '../../quota/failures';
import type { WindowCause } from '../../quota/windows/window-retry';
import type { applicationFailure } from '../pools/pool-gate';

type Evidence = Readonly<Record<string, unknown>>;

/** What became of one pass over a chunk. */
export type Ending =
  /** Its rows are in. */
  | { readonly kind: 'done' }
  /** It was not tried: the pool is closed, or the rest is left for another run. */
  | { readonly kind: 'left' }
  /** It may not be requested yet; epoch ms. */
  | { readonly kind: 'later'; readonly reason: string; readonly notBefore: number }
  /** Calls failed in a way that passes. */
  | { readonly kind: 'passing'; readonly reason: string; readonly evidence: Evidence | undefined }
  | Failed;

export interface Failed {
  readonly kind: 'failed';
  readonly cause: WindowCause;
  readonly reason: string;
  readonly evidence?: Evidence | undefined;
  readonly retryAt?: number;
  /** Its job ends with it. */
  readonly endsJob?: boolean;
  /** Whether parts of the span may be answered differently. */
  readonly splittable: boolean;
  /** Where the activity that found out has recorded it already. */
  readonly recorded?: RecordedChunk;
}

/** A report that the vendor could not make. */
export function afterFatal(fatal: FatalOutcome): Ending {
  const { evidence } = fatal;
  const reason = `FATAL: ${fatal.text}`;
  switch (fatal.class) {
    case 'not-yet':
      return {
        kind: 'failed',
        cause: 'not_yet',
        reason: `not ready at the vendor: ${fatal.text}`,
        evidence,
        splittable: false,
      };
    case 'no-data':
      return { kind: 'failed', cause: 'no_data', reason, evidence, splittable: false };
    case 'configuration':
      return { kind: 'failed', cause: 'refused', reason, evidence, splittable: false };
    case 'unknown':
      return { kind: 'failed', cause: 'fatal', reason, evidence, splittable: true };
  }
}

/** A call that failed for longer than it is repeated. @param isAsked whether the vendor had taken the request. */
export function afterFailure(
  failure: NonNullable<ReturnType<typeof applicationFailure>>,
  isAsked: boolean,
): Ending {
  const details = (failure.details?.[0] ?? {}) as Partial<CallFailureDetails>;
  const evidence = details.evidence === undefined ? undefined : { ...details.evidence };
  const reason = failure.message;
  if (failure.type === FAILURE.server || failure.type === FAILURE.rate) {
    return { kind: 'passing', reason, evidence };
  }
  const isRefused = failure.type === FAILURE.invalid && evidence !== undefined;
  return {
    kind: 'failed',
    cause: isRefused ? 'refused' : failure.type === FAILURE.invalid ? 'unreadable' : 'failed',
    reason,
    evidence,
    // What was refused of the request for a span may be accepted for a part of it.
    splittable: isRefused && !isAsked,
    // What the vendor has called wrong stays wrong for this report.
    endsJob: isRefused,
  };
}
