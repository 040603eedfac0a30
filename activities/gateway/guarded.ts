/** What all long activities share: a heartbeat, and failures as Temporal expects them. */
import { ApplicationFailure, heartbeat } from '@temporalio/activity';
import { FAILURE } from '../../quota/failures';
import { toApplicationFailure } from './call-errors';

const HEARTBEAT_MS = 2000;

/**
 * Wraps an activity. A worker that dies is noticed by its silence, within seconds and not at the end of the longest
 * call. What `isFinal` says never comes right by trying again: by default a RangeError, e.g. an unknown account.
 */
export function guarded<I, O>(
  work: (input: I) => Promise<O>,
  isFinal: (error: unknown) => boolean = isConfiguration,
): (input: I) => Promise<O> {
  return async (input) => {
    const beat = setInterval(() => heartbeat(), HEARTBEAT_MS);
    try {
      return await work(input);
    } catch (error) {
      throw toApplicationFailure(isFinal(error) ? final(error) : error);
    } finally {
      clearInterval(beat);
    }
  };
}

/** Settings, names and ids that do not fit. */
export function isConfiguration(error: unknown): boolean {
  return error instanceof RangeError;
}

/** The error as one that Temporal does not retry. */
function final(error: unknown): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    error instanceof Error ? error.message : String(error),
    FAILURE.invalid,
  );
}
