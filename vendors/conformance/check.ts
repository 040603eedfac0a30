/** What the conformance suite says of one rule. */
export interface Check {
  /** What was to be shown, as a sentence. */
  readonly name: string;
  /** `skip`: there was nothing to try it on; `problems` says why. */
  readonly result: 'ok' | 'fail' | 'skip';
  /** What is wrong; empty when all is well. Cut after the first ones. */
  readonly problems: readonly string[];
}

const SHOWN = 10;

/** A check from what was found to be wrong. */
export function check(name: string, problems: readonly string[]): Check {
  const more = problems.length - SHOWN;
  const shown = more > 0 ? [...problems.slice(0, SHOWN), `and ${more} more`] : problems;
  return { name, result: problems.length === 0 ? 'ok' : 'fail', problems: shown };
}

export const skipped = (name: string, why: string): Check => ({ name, result: 'skip', problems: [why] });
