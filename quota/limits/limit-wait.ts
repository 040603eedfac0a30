/** The text that says why calls wait for a limit. */

/** A limit as far as it says why. */
export interface WaitedLimit {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  /** Where its numbers come from. */
  readonly source: string;
  /** Epoch ms; null when the vendor has stated no wait. */
  readonly blockedUntil: number | null;
  readonly blockedReason: string;
  /** Units a second, where the vendor's refusals have lowered the rate; null or left out where they have not. */
  readonly loweredRate?: number | null;
}

const numberText = (value: number) => Math.floor(value).toLocaleString('en-US');

export function limitWaitText({ name, used, limit, source, loweredRate, ...blocked }: WaitedLimit): string {
  if (blocked.blockedUntil !== null) {
    const words = blocked.blockedReason === '' ? '' : `: ${blocked.blockedReason}`;
    return `the vendor has asked calls of ${name} to wait${words}`;
  }
  if (loweredRate) {
    const pace =
      loweredRate >= 1 ? `${numberText(loweredRate)} a second` : `one in ${numberText(1 / loweredRate)} s`;
    return `${name} is used at ${pace}, for the vendor has refused more; it rises as calls are accepted`;
  }
  const by = source === 'header' ? "the vendor's answers" : source;
  return `${name} has ${numberText(used)} of ${numberText(limit)} used, by ${by}`;
}
