/** The text that says why an answer is not fresher. */
import { whenText } from '../../operations/time-text';
import type { Unavailable } from '../../operations/vehicles/vehicles';

/** `<reason>; fresher <when>`. */
export function staleText({ reason, until }: Unavailable, now: number): string {
  return until === null ? reason : `${reason}; fresher from ${whenText(until, now)}`;
}
